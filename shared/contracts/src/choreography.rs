//! The choreography, declared once: who publishes what, who reacts, with what, and within what time.
//!
//! No service runs by this declaration: each knows its own part, and none knows the whole. It is what the whole is held
//! against: tests compare it with the services' handlers, `fleet choreography --check` with a live broker, and the flow
//! view tells by it which step of a flow is missing.

use std::time::Duration;

use event::EventType;
use serde::{Serialize, Serializer};

use crate::{
    events::{
        customer::{CustomerCreated, CustomerDeactivated, CustomerOnboarded},
        email::{WelcomeEmailFailed, WelcomeEmailSent},
        loyalty::{StatusPointsAdded, StatusPointsRevoked},
    },
    services::{self, Role},
};

pub mod mermaid;
pub mod table;

/// The whole declaration as one document: what `fleet choreography --format json` prints and the flow view serves.
#[derive(Clone, Debug, Serialize)]
pub struct Declaration {
    /// Every event, in the order in which a flow may come by them.
    pub events: &'static [EventDeclaration],
    /// Every reaction.
    pub reactions: &'static [Reaction],
    /// The services that take part, in the order of their list.
    pub services: Vec<&'static str>,
    /// Services that subscribe to every event and take no part.
    pub observers: Vec<&'static str>,
}

/// An event, and when its owner publishes it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EventDeclaration {
    /// The event's type and owner.
    #[serde(flatten)]
    pub event: EventType,
    /// What must have happened.
    pub when: &'static str,
}

/// What one service does about an event, or about several together.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Reaction {
    /// Who reacts.
    pub service: &'static str,
    /// To what. Of several, all must be there (a gate); they come in any order.
    #[serde(serialize_with = "names")]
    pub to: &'static [EventType],
    /// Only in a flow that has this event too.
    #[serde(serialize_with = "name")]
    pub only_if: Option<EventType>,
    /// What the service does.
    pub what: &'static str,
    /// What it then publishes: exactly one of these, as they exclude each other. None: here the flow ends.
    #[serde(serialize_with = "names")]
    pub publishes: &'static [EventType],
    /// How long that may take, from the last of the events in `to`. Later the step counts as overdue.
    #[serde(rename = "within_seconds", serialize_with = "seconds")]
    pub within: Duration,
    /// Whoever has handled the event may publish nothing if this one is in the flow: there is nothing to do any more.
    #[serde(serialize_with = "name")]
    pub skipped_if: Option<EventType>,
    /// It undoes what the flow has done so far.
    pub compensates: bool,
}

const CREATED: EventType = EventType::of::<CustomerCreated>();
const ONBOARDED: EventType = EventType::of::<CustomerOnboarded>();
const DEACTIVATED: EventType = EventType::of::<CustomerDeactivated>();
const SENT: EventType = EventType::of::<WelcomeEmailSent>();
const FAILED: EventType = EventType::of::<WelcomeEmailFailed>();
const ADDED: EventType = EventType::of::<StatusPointsAdded>();
const REVOKED: EventType = EventType::of::<StatusPointsRevoked>();

/// Every event of the fleet, in the order in which a flow may come by them.
pub const EVENTS: &[EventDeclaration] = &[
    EventDeclaration { event: CREATED, when: "a registration is committed" },
    EventDeclaration { event: SENT, when: "the SMTP server has accepted the welcome mail" },
    EventDeclaration { event: FAILED, when: "the address is refused for good, or the mail has expired" },
    EventDeclaration { event: ADDED, when: "points are booked" },
    EventDeclaration { event: ONBOARDED, when: "the mail is sent and the points are booked" },
    EventDeclaration { event: DEACTIVATED, when: "the welcome mail has failed" },
    EventDeclaration { event: REVOKED, when: "points are taken back" },
];

/// A reaction that is neither a gate nor a compensation.
const PLAIN: Reaction = Reaction {
    service: "",
    to: &[],
    only_if: None,
    what: "",
    publishes: &[],
    within: Duration::from_secs(10),
    skipped_if: None,
    compensates: false,
};

/// Every reaction of the fleet.
pub const REACTIONS: &[Reaction] = &[
    Reaction {
        service: "email",
        to: &[CREATED],
        what: "sends the welcome mail",
        publishes: &[SENT, FAILED],
        within: Duration::from_secs(30),
        ..PLAIN
    },
    Reaction {
        service: "loyalty",
        to: &[CREATED],
        what: "books the joining points",
        publishes: &[ADDED],
        skipped_if: Some(DEACTIVATED),
        ..PLAIN
    },
    Reaction {
        service: "customer",
        to: &[SENT, ADDED],
        what: "onboards the customer",
        publishes: &[ONBOARDED],
        ..PLAIN
    },
    Reaction {
        service: "customer",
        to: &[FAILED],
        what: "deactivates the customer",
        publishes: &[DEACTIVATED],
        compensates: true,
        ..PLAIN
    },
    Reaction {
        service: "loyalty",
        to: &[DEACTIVATED],
        only_if: Some(ADDED),
        what: "takes the points back",
        publishes: &[REVOKED],
        compensates: true,
        ..PLAIN
    },
    Reaction { service: "email", to: &[DEACTIVATED], what: "mails no more", compensates: true, ..PLAIN },
];

/// The whole declaration.
pub fn declaration() -> Declaration {
    Declaration { events: EVENTS, reactions: REACTIONS, services: services(), observers: observers() }
}

/// Every event type of the fleet.
pub fn event_types() -> Vec<EventType> {
    EVENTS.iter().map(|fact| fact.event).collect()
}

/// The services that take part, in the order of their list.
pub fn services() -> Vec<&'static str> {
    services::with_role(Role::Participant).collect()
}

/// The services that subscribe to every event and take no part.
pub fn observers() -> Vec<&'static str> {
    services::with_role(Role::Observer).collect()
}

/// The events that `service` owns, in the order in which a flow may come by them.
pub fn publications(service: &str) -> Vec<EventType> {
    event_types().into_iter().filter(|event| event.owner == service).collect()
}

/// The events that `service` reacts to, in alphabetical order.
pub fn subscriptions(service: &str) -> Vec<EventType> {
    let own = REACTIONS.iter().filter(|reaction| reaction.service == service);
    let mut types: Vec<_> = own.flat_map(|reaction| reaction.to.iter().copied()).collect();
    if observers().contains(&service) {
        types = event_types();
    }
    types.sort_unstable();
    types.dedup();
    types
}

/// Who reacts to `event_type`, in the order of the services' list; observers do not.
pub fn subscribers(event_type: &str) -> Vec<&'static str> {
    let reacts = |service: &&str| subscriptions(service).iter().any(|event| event.name == event_type);
    services().into_iter().filter(reacts).collect()
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference")]
fn name<S: Serializer>(event: &Option<EventType>, to: S) -> Result<S::Ok, S::Error> {
    event.map(|event| event.name).serialize(to)
}

fn names<S: Serializer>(events: &[EventType], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(events.iter().map(|event| event.name))
}

fn seconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(duration.as_secs())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Whoever has a file under `events` need not be listed anywhere else.
    #[test]
    fn every_event_of_every_owner_is_declared_once() {
        let mut known = Vec::new();
        for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/events")).expect("a folder") {
            let path = file.expect("a file").path();
            let text = fs::read_to_string(&path).expect("text");
            let owner = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
            let names = text.lines().filter_map(|line| line.strip_prefix("event_type!(")?.split('"').nth(1));
            known.extend(names.map(|name| (name.to_owned(), owner.clone())));
        }
        let declared = event_types().into_iter().map(|event| (event.name.to_owned(), event.owner.to_owned()));
        let mut declared: Vec<_> = declared.collect();
        declared.sort_unstable();
        known.sort_unstable();
        assert_eq!(declared, known);
    }

    #[test]
    fn whoever_takes_part_is_in_the_list_of_services() {
        let owners = EVENTS.iter().map(|fact| fact.event.owner);
        for service in owners.chain(REACTIONS.iter().map(|reaction| reaction.service)) {
            assert!(services().contains(&service), "{service}");
        }
    }

    #[test]
    fn whoever_reacts_publishes_its_own_events_only() {
        for reaction in REACTIONS {
            assert!(reaction.publishes.iter().all(|event| event.owner == reaction.service), "{reaction:?}");
        }
    }

    /// From the beginning of a flow, with each step at its latest.
    fn allowed(event: EventType) -> Duration {
        let answers = REACTIONS.iter().filter(|reaction| reaction.publishes.contains(&event));
        let latest = |reaction: &Reaction| reaction.to.iter().map(|cause| allowed(*cause)).max().unwrap_or_default();
        answers.map(|reaction| latest(reaction) + reaction.within).max().unwrap_or_default()
    }

    #[test]
    fn the_alert_about_slow_flows_allows_what_is_declared() {
        let rules = include_str!("../../../scripts/lib/monitoring/alerts.yml");
        let (_, rule) = rules.split_once("alert: FlowSlow\n").expect("the rule");
        let query = rule.lines().find(|line| line.contains("customer_onboarded")).expect("its query");
        assert!(query.ends_with(&format!(" > {}", allowed(ONBOARDED).as_secs())), "{query}");
    }

    #[test]
    fn a_flow_begins_with_a_registration() {
        let answers: Vec<_> = REACTIONS.iter().flat_map(|reaction| reaction.publishes).collect();
        let first: Vec<_> = event_types().into_iter().filter(|event| !answers.contains(&event)).collect();
        assert_eq!(first.first(), Some(&CREATED));
    }
}
