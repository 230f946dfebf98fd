//! What the events of a flow amount to: its tree, which steps are missing, how it stands.
//!
//! Pure: events, what services said, and the time go in, and out comes the same flow in whatever order they arrived. The
//! owners of events have no order among each other, so an effect may be here before its cause: then the tree says so.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub mod steps;
pub mod tree;

use steps::{Expected, StepState};

/// An event as it was seen.
#[derive(Clone, Debug)]
pub struct ObservedEvent {
    pub event_id: Uuid,
    pub event_type: String,
    pub owner: String,
    pub customer_id: Uuid,
    pub correlation_id: Uuid,
    pub causation_id: Option<Uuid>,
    pub trace_id: Option<String>,
    pub sequence: i64,
    pub recorded_at: Timestamp,
    pub seen_at: Timestamp,
}

/// What a service says of a message that it should have answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryStatus {
    /// `handled`, `waiting`, `behind`, `dead`, `discarded`; `unknown` if it never had it, `away` if it does not answer.
    pub state: String,
    /// The class of the failure, if there was one.
    pub reason: Option<String>,
    /// How often it was tried.
    pub attempts: Option<i32>,
    /// When it was asked and first said so.
    pub asked_at: Timestamp,
}

impl DeliveryStatus {
    /// The service does not answer, whatever it `said` before.
    pub fn away(said: Option<&Self>, since: Timestamp) -> Self {
        let asked_at = said.map_or(since, |said| said.asked_at);
        Self { state: "away".into(), reason: None, attempts: None, asked_at }
    }
}

/// A [`DeliveryStatus`] and what it is about.
#[derive(Clone, Debug)]
pub struct ReportedStatus {
    pub event_id: Uuid,
    pub service: String,
    pub held: DeliveryStatus,
}

/// How a flow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Steps are to come, and none is late.
    Running,
    /// Every expected step is there.
    Done,
    /// Every expected step is there, and what was begun is undone.
    Compensated,
    /// A step is overdue, or two events exclude each other.
    Stuck,
}

impl State {
    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Compensated => "compensated",
            Self::Stuck => "stuck",
        }
    }
}

/// An event on a flow's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mark {
    pub event_type: String,
    /// Who published it.
    pub owner: String,
    /// Milliseconds since the flow began.
    pub at_ms: i64,
}

/// A step that should be there by now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Overdue {
    /// Who should have answered.
    pub service: String,
    /// What it should have answered.
    pub to: Vec<String>,
    /// The event among them that came last: the one that the service may hold.
    pub event_id: Uuid,
    /// One of these is missing.
    pub expects: Vec<String>,
    /// What the service should have done.
    pub what: String,
    /// Since when it is overdue.
    pub since: Timestamp,
    /// What the service itself says, once it was asked.
    pub held: Option<DeliveryStatus>,
}

/// A flow in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Flow {
    pub correlation_id: Uuid,
    pub customer_id: Uuid,
    /// As Jaeger knows it.
    pub trace_id: Option<String>,
    pub began_at: Timestamp,
    /// The type of its first event; null while that has not been seen.
    pub began_with: Option<String>,
    pub state: State,
    /// Since when it has been in this state.
    pub since: Timestamp,
    /// From the first event to the last.
    pub duration_ms: i64,
    /// Its events, oldest first.
    pub events: Vec<Mark>,
    /// The steps that are late.
    pub overdue: Vec<Overdue>,
    /// What can't be: events that exclude each other.
    pub problems: Vec<String>,
}

/// A flow in short, and when to look again if nothing happens until then.
#[derive(Clone, Debug)]
pub struct Evaluated {
    pub flow: Flow,
    pub due_at: Option<Timestamp>,
}

/// What `events`, all of one flow and at least one, amount to at `now`. `None` without events.
pub fn evaluate(events: &[ObservedEvent], holdings: &[ReportedStatus], now: Timestamp) -> Option<Evaluated> {
    let mut events: Vec<_> = events.iter().collect();
    // A cause before its effect where clocks agree; by id where they say the same.
    events.sort_by_key(|event| (event.recorded_at, event.event_id));
    let (first, last) = (*events.first()?, *events.last()?);
    let began_at = first.recorded_at;
    let expected = steps::expected(&events, holdings, now);
    let problems = steps::contradictions(&events);
    let (state, since) = stands(&events, &expected, &problems);
    let flow = Flow {
        correlation_id: first.correlation_id,
        customer_id: first.customer_id,
        trace_id: events.iter().find_map(|event| event.trace_id.clone()),
        began_at,
        began_with: events.iter().find(|event| event.event_id == first.correlation_id).map(|e| e.event_type.clone()),
        state,
        since,
        duration_ms: milliseconds(began_at, last.recorded_at),
        events: events.iter().map(|event| mark(began_at, event)).collect(),
        overdue: expected.iter().filter(|step| step.state == StepState::Overdue).map(Expected::overdue).collect(),
        problems,
    };
    let due_at = expected.iter().filter(|step| step.state == StepState::Open).filter_map(|step| step.judged_at).min();
    Some(Evaluated { flow, due_at })
}

fn stands(events: &[&ObservedEvent], expected: &[Expected], problems: &[String]) -> (State, Timestamp) {
    let began_at = events.first().map_or(Timestamp::UNIX_EPOCH, |event| event.recorded_at);
    let ended_at = events.last().map_or(began_at, |event| event.recorded_at);
    let overdue = expected.iter().filter(|step| step.state == StepState::Overdue).filter_map(|step| step.due_at).min();
    match overdue {
        Some(since) => (State::Stuck, since),
        None if !problems.is_empty() => (State::Stuck, ended_at),
        None if expected.iter().any(|step| step.state == StepState::Open) => (State::Running, began_at),
        None if expected.iter().any(Expected::has_compensated) => (State::Compensated, ended_at),
        None => (State::Done, ended_at),
    }
}

fn mark(began_at: Timestamp, event: &ObservedEvent) -> Mark {
    Mark {
        event_type: event.event_type.clone(),
        owner: event.owner.clone(),
        at_ms: milliseconds(began_at, event.recorded_at),
    }
}

/// From `began_at` to `at`; negative where clocks disagree.
pub(crate) fn milliseconds(began_at: Timestamp, at: Timestamp) -> i64 {
    at.as_millisecond() - began_at.as_millisecond()
}

/// The ids that events name as their cause and that were not seen.
pub(crate) fn missing_causes(events: &[&ObservedEvent]) -> BTreeSet<Uuid> {
    let known: BTreeSet<_> = events.iter().map(|event| event.event_id).collect();
    events.iter().filter_map(|event| event.causation_id).filter(|cause| !known.contains(cause)).collect()
}

#[cfg(test)]
mod tests;
