//! How a flow stands by its logs: what stops it, what is still to come, or how it ended.

use contracts::choreography::Reaction;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::{
    log_line::Step,
    tree::{Mark, Node},
};
use crate::{
    model::{self, DeliveryStatus, ObservedEvent, ReportedStatus, StepState},
    observed::Observed,
};

/// How a flow stands. The first two are ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Every expected step is there.
    Done,
    /// Every expected step is there, and what was begun is undone.
    Compensated,
    /// Something is to come.
    Running,
    /// A message is parked: it will be tried again.
    Waiting,
    /// A message needs a person.
    Dead,
    /// Two events exclude each other.
    Stuck,
}

/// How a flow stands, and the same in words.
#[derive(Debug, Serialize)]
pub struct Outcome {
    pub state: State,
    pub summary: String,
}

impl Outcome {
    /// What the trees tell. The worst that stops the flow counts, else what is missing, else how it ended.
    pub(super) fn of(reactions: &[Reaction], first: Uuid, trees: &[Node]) -> Self {
        let events: Vec<_> = trees.iter().flat_map(Node::all).collect();
        let obstacles = events.iter().flat_map(|event| obstacles(reactions, event));
        match obstacles.min_by_key(|(urgency, _)| *urgency) {
            Some((urgency, summary)) => Self { state: urgency.state(), summary },
            None => evaluated(reactions, first, &events),
        }
    }
}

/// Why a flow has not come to its end: the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Dead,
    Parked,
    Behind,
    Open,
}

impl Urgency {
    fn state(self) -> State {
        match self {
            Self::Dead => State::Dead,
            Self::Parked | Self::Behind => State::Waiting,
            Self::Open => State::Running,
        }
    }
}

/// What is still to be done with `event`.
fn obstacles(reactions: &[Reaction], event: &Node) -> Vec<(Urgency, String)> {
    let name = &event.event_type;
    // A handled event was published, even if that line was lost in a crash.
    let is_out = event.steps.iter().any(|mark| mark.step != Step::Recorded);
    if !is_out {
        return vec![(Urgency::Open, format!("running: {name} is recorded and not published yet"))];
    }
    // Whoever left a line counts too: it may be newer than this program.
    let kept = event.steps.iter().filter(|mark| matches!(mark.step, Step::Parked | Step::Dead));
    let mut services: Vec<_> = kept.map(|mark| mark.service.as_str()).chain(subscribers(reactions, name)).collect();
    services.sort_unstable();
    services.dedup();
    services.into_iter().filter_map(|service| obstacle(event, service)).collect()
}

/// What keeps `service` from being done with `event`.
fn obstacle(event: &Node, service: &str) -> Option<(Urgency, String)> {
    let name = &event.event_type;
    let of_consumer = |mark: &&Mark| mark.service == service && !matches!(mark.step, Step::Recorded | Step::Published);
    let marks: Vec<_> = event.steps.iter().filter(of_consumer).collect();
    if marks.iter().any(|mark| mark.step == Step::Handled) {
        return None;
    }
    // A copy of a parked message is dropped too, so that says nothing.
    match marks.iter().rfind(|mark| mark.step != Step::AlreadyHandled) {
        Some(mark) => Some(kept(name, mark)),
        // Handled once, by a process that died before it could say so.
        None if !marks.is_empty() => None,
        None => Some((Urgency::Open, format!("running: {service} has not handled {name} yet"))),
    }
}

fn kept(name: &str, mark: &Mark) -> (Urgency, String) {
    let (service, reason) = (&mark.service, mark.reason.as_deref().unwrap_or("no reason given"));
    let attempts = match mark.attempts {
        Some(1) => "1 attempt".to_owned(),
        attempts => format!("{} attempts", attempts.unwrap_or_default()),
    };
    match mark.step {
        Step::Dead => (Urgency::Dead, format!("dead: {service} can't handle {name} ({reason}, {attempts})")),
        // Put behind another, it was never tried.
        _ if mark.attempts == Some(0) => {
            let summary = format!("waiting: {service} holds {name} behind an earlier event of this customer");
            (Urgency::Behind, summary)
        }
        _ => (Urgency::Parked, format!("waiting: {service} has parked {name} ({reason}, {attempts})")),
    }
}

fn subscribers<'a>(reactions: &'a [Reaction], name: &str) -> impl Iterator<Item = &'a str> {
    let reacts = move |reaction: &&Reaction| reaction.to.iter().any(|event| event.name == name);
    reactions.iter().filter(reacts).map(|reaction| reaction.service)
}

/// Every event so far is handled by everyone who reacts to it: is that the end? Judged as the flow view does, but that
/// nothing is late by the logs alone.
fn evaluated(reactions: &[Reaction], first: Uuid, events: &[&Node]) -> Outcome {
    let observed_events: Vec<_> = events.iter().map(|event| observed(first, event)).collect();
    let statuses: Vec<_> = events.iter().flat_map(|event| handled(event)).collect();
    let Some(flow) = Observed::new(reactions, &observed_events, &statuses, Timestamp::MIN) else {
        return Outcome { state: State::Running, summary: "running: no event is in the logs yet".into() };
    };
    let now = flow.evaluate().flow;
    // Times here count from the request.
    let after_request = |mark: &model::Mark| now.began_at.as_millisecond() + mark.at_ms;
    let last =
        now.events.last().map(|mark| format!("{}, {} ms after the request", mark.event_type, after_request(mark)));
    let (state, summary) = match now.state {
        model::State::Done => (State::Done, format!("done: {}", last.unwrap_or_default())),
        model::State::Compensated => (State::Compensated, format!("compensated: {}", last.unwrap_or_default())),
        model::State::Running => {
            (State::Running, format!("running: every event is handled so far, {}", missing(&flow)))
        }
        model::State::Stuck => (State::Stuck, format!("stuck: {}", now.problems.join("; "))),
    };
    Outcome { state, summary }
}

/// A gate that waits for a step which is missing itself is not named, if anything else is.
fn missing(flow: &Observed<'_>) -> String {
    let mut open: Vec<_> = flow.expected().into_iter().filter(|step| step.state == StepState::Open).collect();
    if open.iter().any(|step| step.due_at.is_some()) {
        open.retain(|step| step.due_at.is_some());
    }
    let texts = open.iter().map(|step| format!("{} has not published {} yet", step.service, step.expects.join(" or ")));
    texts.collect::<Vec<_>>().join(", and ")
}

/// A cause that is not in the logs is not waited for: they may begin after it.
fn observed(first: Uuid, event: &Node) -> ObservedEvent {
    let at = SignedDuration::from_millis(event.steps.first().map_or(0, |mark| mark.ms));
    let at = Timestamp::UNIX_EPOCH.saturating_add(at).unwrap_or_default();
    ObservedEvent {
        event_id: event.event_id,
        event_type: event.event_type.clone(),
        owner: event.steps.first().map(|mark| mark.service.clone()).unwrap_or_default(),
        customer_id: Uuid::nil(),
        correlation_id: first,
        causation_id: event.causation_id.filter(|_| !event.orphan),
        trace_id: None,
        sequence: 0,
        recorded_at: at,
        seen_at: at,
    }
}

fn handled(event: &Node) -> impl Iterator<Item = ReportedStatus> {
    let marks = event.steps.iter().filter(|mark| matches!(mark.step, Step::Handled | Step::AlreadyHandled));
    marks.map(|mark| ReportedStatus {
        event_id: event.event_id,
        service: mark.service.clone(),
        held: DeliveryStatus { state: "handled".into(), reason: None, attempts: None, asked_at: Timestamp::UNIX_EPOCH },
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixtures::{COMPENSATED, ONBOARDED, flow},
        *,
    };

    fn outcome(shorts: &str) -> (State, String) {
        let Outcome { state, summary } = flow(shorts).outcome;
        (state, summary)
    }

    /// The lines of `all` that do not contain `what`.
    fn without(all: &str, what: &str) -> String {
        all.lines().filter(|line| !line.contains(what)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_flow_ends_in_an_onboarded_customer_or_is_undone() {
        let onboarded = "done: customer_onboarded, 97 ms after the request";
        assert_eq!(outcome(ONBOARDED), (State::Done, onboarded.into()));
        let undone = "compensated: status_points_revoked, 111 ms after the request";
        assert_eq!(outcome(COMPENSATED), (State::Compensated, undone.into()));
    }

    #[test]
    fn a_flow_runs_until_everyone_has_handled_everything() {
        for (missing, summary) in [
            ("published customer_onboarded", "running: customer_onboarded is recorded and not published yet"),
            ("loyalty handled customer_created", "running: loyalty has not handled customer_created yet"),
            ("customer handled status_points_added", "running: customer has not handled status_points_added yet"),
        ] {
            assert_eq!(outcome(&without(ONBOARDED, missing)), (State::Running, summary.into()));
        }
        let (state, _) = outcome(&without(COMPENSATED, "email handled customer_deactivated"));
        assert_eq!(state, State::Running);
        let (state, summary) = outcome(&without(&without(ONBOARDED, "welcome_email_sent"), "onboarded"));
        assert_eq!(state, State::Running);
        assert!(
            summary.ends_with("email has not published welcome_email_sent or welcome_email_failed yet"),
            "{summary}"
        );
    }

    #[test]
    fn a_dead_message_weighs_more_than_a_parked_one_and_that_more_than_one_behind_it() {
        let behind = format!("{ONBOARDED}\n200 email parked customer_deactivated < b behind_an_earlier_one 0");
        let (state, summary) = outcome(&behind);
        assert_eq!(state, State::Waiting);
        assert_eq!(summary, "waiting: email holds customer_deactivated behind an earlier event of this customer");

        let undone = without(&behind, "loyalty handled customer_created");
        let parked = format!("{undone}\n30 loyalty parked customer_created database_error 1");
        let summary = "waiting: loyalty has parked customer_created (database_error, 1 attempt)";
        assert_eq!(outcome(&parked), (State::Waiting, summary.into()));

        let dead = format!("{parked}\n300 loyalty dead customer_created handler_permanent 2");
        let summary = "dead: loyalty can't handle customer_created (handler_permanent, 2 attempts)";
        assert_eq!(outcome(&dead), (State::Dead, summary.into()));
    }

    #[test]
    fn what_was_parked_and_then_handled_stops_nothing() {
        let healed = format!("{ONBOARDED}\n25 loyalty parked customer_created database_error 1");
        assert_eq!(outcome(&healed).0, State::Done);
    }

    #[test]
    fn a_copy_that_was_dropped_shows_that_the_first_was_handled_unless_it_is_parked() {
        let silent = without(ONBOARDED, "loyalty handled customer_created");
        let copy = format!("{silent}\n900 loyalty already-handled customer_created");
        assert_eq!(outcome(&copy).0, State::Done);
        let parked = format!("{copy}\n30 loyalty parked customer_created database_error 1");
        assert_eq!(outcome(&parked).0, State::Waiting);
    }

    #[test]
    fn a_flow_that_is_no_registration_ends_when_all_is_handled() {
        let (state, summary) = outcome("1 email recorded email_confirmed\n2 email published email_confirmed");
        assert_eq!((state, summary.as_str()), (State::Done, "done: email_confirmed, 1 ms after the request"));
    }

    #[test]
    fn where_no_points_were_booked_none_need_be_taken_back_once_loyalty_is_done() {
        let unbooked = without(&without(COMPENSATED, "status_points_added"), "status_points_revoked");
        let summary = "compensated: customer_deactivated, 97 ms after the request";
        assert_eq!(outcome(&unbooked), (State::Compensated, summary.into()));
        let open = without(&unbooked, "loyalty handled customer_created");
        assert_eq!(outcome(&open).0, State::Running);
    }

    #[test]
    fn a_cause_from_before_the_logs_is_not_waited_for() {
        let end = "97 customer recorded customer_onboarded < welcome_email_sent
                   101 customer published customer_onboarded < welcome_email_sent";
        assert_eq!(outcome(end), (State::Done, "done: customer_onboarded, 97 ms after the request".into()));
    }
}
