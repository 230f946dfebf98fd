//! Every event under its cause. Clocks don't matter: a child is where its causation id says, whatever the times say.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, Unit};
use serde::Serialize;
use uuid::Uuid;

use super::log_line::{Hop, Step};

/// An event, what the services did with it, and what it caused.
#[derive(Debug, Serialize)]
pub struct Node {
    pub event_id: Uuid,
    pub event_type: String,
    pub causation_id: Option<Uuid>,
    /// Its cause is not in the logs.
    pub orphan: bool,
    pub steps: Vec<Mark>,
    pub effects: Vec<Node>,
}

/// What one service did with an event, once or several times in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// Since the flow began, by this service's clock.
    pub ms: i64,
    pub service: String,
    pub step: Step,
    pub times: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

impl Node {
    /// This event and all that follow from it.
    pub fn all(&self) -> Vec<&Node> {
        let effects = self.effects.iter().flat_map(Node::all);
        std::iter::once(self).chain(effects).collect()
    }
}

/// The tree of the event `first`, and after it those of events whose cause is unknown.
pub fn trees(first: Uuid, began_at: Timestamp, hops: &BTreeSet<Hop>) -> Vec<Node> {
    let mut builder = TreeBuilder { began_at, hops: BTreeMap::new() };
    for hop in hops {
        builder.hops.entry(hop.event_id).or_default().push(hop);
    }
    let known: BTreeSet<_> = builder.hops.keys().copied().collect();
    let is_root = |hops: &[&Hop]| match cause(hops) {
        Some(cause) => hops[0].event_id == first || !known.contains(&cause),
        None => true,
    };
    let roots = builder.sorted(|hops| is_root(hops));
    let mut trees: Vec<_> = roots.into_iter().filter_map(|id| builder.build(id)).collect();
    // Whatever is left is its own cause, by way of others: no service does that, but a forged log may.
    while let Some(id) = builder.hops.keys().next().copied() {
        trees.extend(builder.build(id));
    }
    for tree in &mut trees {
        tree.orphan = tree.event_id != first && tree.causation_id.is_some();
    }
    trees.sort_by_key(|tree| tree.event_id != first);
    trees
}

/// Events that have no place in a tree yet, with their hops in order of time.
struct TreeBuilder<'a> {
    began_at: Timestamp,
    hops: BTreeMap<Uuid, Vec<&'a Hop>>,
}

impl TreeBuilder<'_> {
    /// The events that `wanted` takes, by type, so that the order is the same whatever the clocks say.
    fn sorted(&self, wanted: impl Fn(&[&Hop]) -> bool) -> Vec<Uuid> {
        let mut found: Vec<_> =
            self.hops.iter().filter(|(_, hops)| wanted(hops)).map(|(id, hops)| (&hops[0].event_type, *id)).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }

    fn build(&mut self, id: Uuid) -> Option<Node> {
        let hops = self.hops.remove(&id)?;
        let effects = self.sorted(|hops| cause(hops) == Some(id));
        Some(Node {
            event_id: id,
            event_type: hops[0].event_type.clone(),
            causation_id: cause(&hops),
            orphan: false,
            steps: marks(self.began_at, &hops),
            effects: effects.into_iter().filter_map(|effect| self.build(effect)).collect(),
        })
    }
}

fn cause(hops: &[&Hop]) -> Option<Uuid> {
    hops.iter().find_map(|hop| hop.causation_id)
}

/// The publisher first, then service by service: only within a service does the order of times mean something.
fn marks(began_at: Timestamp, hops: &[&Hop]) -> Vec<Mark> {
    let mut hops = hops.to_vec();
    hops.sort_by_key(|hop| match hop.step {
        Step::Recorded => (0, ""),
        Step::Published => (1, ""),
        _ => (2, hop.service.as_str()),
    });
    let mut marks: Vec<Mark> = Vec::new();
    for mark in hops.into_iter().map(|hop| Mark::of(hop, began_at)) {
        match marks.last_mut() {
            Some(last) if last.is_like(&mark) => {
                last.times += 1;
                last.attempts = mark.attempts;
            }
            _ => marks.push(mark),
        }
    }
    marks
}

impl Mark {
    fn of(hop: &Hop, began_at: Timestamp) -> Self {
        Self {
            // Fails only for spans that no calendar has.
            ms: hop.timestamp.since((Unit::Millisecond, began_at)).map_or(0, |span| span.get_milliseconds()),
            service: hop.service.clone(),
            step: hop.step,
            times: 1,
            transaction_id: hop.transaction_id.clone(),
            reason: hop.reason.clone(),
            attempts: hop.attempts,
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.service == other.service
            && self.step == other.step
            && self.transaction_id == other.transaction_id
            && self.reason == other.reason
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixtures::{COMPENSATED, ONBOARDED, flow, id, line},
        *,
    };

    /// The tree in one line: `cause(effect, effect)`.
    fn shape(nodes: &[Node]) -> String {
        let shapes = nodes.iter().map(|node| match node.effects.as_slice() {
            [] => node.event_type.clone(),
            effects => format!("{}({})", node.event_type, shape(effects)),
        });
        shapes.collect::<Vec<_>>().join(", ")
    }

    fn steps(node: &Node) -> Vec<String> {
        let step = |mark: &Mark| format!("{} {} ×{}", mark.service, mark.step.name(), mark.times);
        node.steps.iter().map(step).collect()
    }

    const SHAPE: &str = "customer_created(status_points_added, welcome_email_sent(customer_onboarded))";

    #[test]
    fn every_event_is_under_its_cause() {
        assert_eq!(shape(&flow(ONBOARDED).events), SHAPE);
        let undone = "customer_created(status_points_added, \
                      welcome_email_failed(customer_deactivated(status_points_revoked)))";
        assert_eq!(shape(&flow(COMPENSATED).events), undone);
    }

    #[test]
    fn clocks_that_disagree_change_the_times_and_nothing_else() {
        // Loyalty's clock is an hour late, email's a minute early: effects come before their causes.
        let skew = |short: &str| {
            let (ms, rest) = short.trim().split_once(' ').unwrap_or(("0", ""));
            let error = match rest.split(' ').next() {
                Some("loyalty") => -3_600_000,
                Some("email") => 60_000,
                _ => 0,
            };
            format!("{} {rest}", ms.parse::<i64>().unwrap() + error)
        };
        let skewed: Vec<_> = ONBOARDED.trim().lines().map(skew).collect();
        let skewed = skewed.join("\n");
        let (skewed, plain) = (flow(&skewed), flow(ONBOARDED));
        assert_eq!(shape(&skewed.events), SHAPE);
        for (skewed, plain) in skewed.events[0].all().into_iter().zip(plain.events[0].all()) {
            assert_eq!(steps(skewed), steps(plain));
        }
        assert_eq!(skewed.events[0].effects[0].steps[0].ms, 29 - 3_600_000);
    }

    #[test]
    fn a_line_that_was_read_twice_counts_once_and_a_copy_that_was_dropped_is_shown() {
        let copies = "8181 loyalty already-handled customer_created\n8999 loyalty already-handled customer_created";
        let flow = flow(&format!("{ONBOARDED}\n{ONBOARDED}\n{copies}\n{copies}"));
        let expected = [
            "customer recorded ×1",
            "customer published ×1",
            "email handled ×1",
            "loyalty handled ×1",
            "loyalty already handled ×2",
        ];
        assert_eq!(steps(&flow.events[0]), expected);
    }

    #[test]
    fn attempts_that_failed_alike_are_one_line_with_the_latest_count() {
        let flow = flow(
            "26 loyalty parked customer_created database_error 1
             300 loyalty parked customer_created database_error 2
             900 loyalty parked customer_created timed_out 3
             9000 loyalty dead customer_created timed_out 4",
        );
        let seen: Vec<_> = flow.events[0].steps.iter().map(|mark| (mark.step, mark.times, mark.attempts)).collect();
        assert_eq!(seen, [(Step::Parked, 2, Some(2)), (Step::Parked, 1, Some(3)), (Step::Dead, 1, Some(4))]);
    }

    #[test]
    fn an_event_whose_cause_is_not_in_the_logs_stands_beside_the_first() {
        let flow = flow(
            "97 customer recorded customer_onboarded < welcome_email_sent
             5 customer recorded customer_created",
        );
        assert_eq!(shape(&flow.events), "customer_created, customer_onboarded");
        assert_eq!((flow.events[0].orphan, flow.events[1].orphan), (false, true));
        assert_eq!(flow.events[1].causation_id, Some(id("welcome_email_sent")));
    }

    #[test]
    fn events_that_cause_each_other_are_each_shown_once() {
        let flow = flow("1 x recorded a < b\n2 x recorded b < a\n3 x recorded c < c\n4 x recorded d < a");
        let count = |name: &str| shape(&flow.events).matches(name).count();
        assert_eq!(["a", "b", "c", "d"].map(count), [1, 1, 1, 1]);
    }

    #[test]
    fn an_undecodable_message_belongs_to_the_event_whose_id_it_bears() {
        let known = line("30 loyalty dead customer_created undecodable 1");
        let mut line: serde_json::Value = serde_json::from_str(&known).unwrap();
        for name in ["correlation_id", "subject", "transaction_id", "trace_id"] {
            line.as_object_mut().unwrap().remove(name);
        }
        let hop = Hop::parse(line.to_string().as_bytes()).unwrap();
        assert_eq!(hop.correlation_id(), id("customer_created"));
    }
}
