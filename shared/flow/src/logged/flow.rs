//! A flow: a tree of events, and how it stands.

use std::collections::BTreeSet;

use contracts::choreography::Reaction;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{
    log_line::Hop,
    outcome::{Outcome, State},
    tree::{self, Node},
};

/// Everything that one request set off.
#[derive(Debug, Serialize)]
pub struct Flow {
    pub correlation_id: Uuid,
    /// One, unless something broke the trace.
    pub trace_ids: Vec<String>,
    pub subjects: Vec<Uuid>,
    /// When the first event was made, during the request.
    pub began_at: Timestamp,
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The first event; and, beside it, those whose cause is not in the logs.
    pub events: Vec<Node>,
}

impl Flow {
    /// Built from `hops`, in whatever order they were logged; judged by `reactions`.
    pub fn new(reactions: &[Reaction], correlation_id: Uuid, hops: &BTreeSet<Hop>) -> Self {
        let began_at = began_at(correlation_id, hops);
        let events = tree::trees(correlation_id, began_at, hops);
        let trace_ids: BTreeSet<_> = hops.iter().filter_map(|hop| hop.trace_id).collect();
        let subjects: BTreeSet<_> = hops.iter().filter_map(|hop| hop.subject).collect();
        Self {
            correlation_id,
            trace_ids: trace_ids.iter().map(|id| id.simple().to_string()).collect(),
            subjects: subjects.into_iter().collect(),
            began_at,
            outcome: Outcome::of(reactions, correlation_id, &events),
            events,
        }
    }

    /// Whether it came to the end that it was made for, or was undone.
    pub fn is_finished(&self) -> bool {
        matches!(self.outcome.state, State::Done | State::Compensated)
    }

    /// Whether nothing more happens by itself.
    pub fn is_final(&self) -> bool {
        self.is_finished() || matches!(self.outcome.state, State::Dead | State::Stuck)
    }
}

/// A first event's id is a UUIDv7 (RFC 9562, section 5.7): it holds the time of the request.
fn began_at(correlation_id: Uuid, hops: &BTreeSet<Hop>) -> Timestamp {
    let made = correlation_id.get_timestamp().and_then(|time| {
        let (seconds, nanoseconds) = time.to_unix();
        Timestamp::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?).ok()
    });
    made.or_else(|| Some(hops.first()?.timestamp)).unwrap_or_default()
}
