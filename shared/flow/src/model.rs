//! The shapes: events as they were seen, what services say of messages, and flows in short and in full.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use utoipa::ToSchema;
use uuid::Uuid;

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
    /// `handled`, `waiting`, `behind`, `dead`, `discarded`; `unknown` if it never had it, `unreachable` if it does not answer.
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
    pub fn unreachable(said: Option<&Self>, since: Timestamp) -> Self {
        let asked_at = said.map_or(since, |said| said.asked_at);
        Self { state: "unreachable".into(), reason: None, attempts: None, asked_at }
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
    pub fn as_str(self) -> &'static str {
        self.into()
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

/// How an expected step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It is there.
    Done,
    /// It is to come.
    Open,
    /// It should be there by now.
    Overdue,
    /// Nothing is to come: the service has handled the event when there was nothing to do any more.
    Skipped,
    /// It publishes nothing, so nobody can see it from outside.
    Unseen,
}

/// A flow with its tree.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct FlowDetail {
    #[serde(flatten)]
    pub flow: Flow,
    /// The first event; beside it those whose cause has not been seen.
    pub tree: Vec<Node>,
}

/// An event and what it caused.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Node {
    pub event_id: Uuid,
    /// It has not been seen: others name it as their cause, and nothing else is known of it.
    pub missing: bool,
    pub event_type: Option<String>,
    /// Who published it.
    pub owner: Option<String>,
    pub causation_id: Option<Uuid>,
    /// By its publisher's clock.
    pub recorded_at: Option<Timestamp>,
    /// Milliseconds since the flow began.
    pub at_ms: Option<i64>,
    /// Its place in its publisher's outbox.
    pub sequence: Option<i64>,
    /// What is expected of others now.
    pub steps: Vec<Step>,
    #[schema(no_recursion)]
    pub effects: Vec<Node>,
}

/// What one service is expected to do.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Step {
    pub service: String,
    pub what: String,
    /// What it answers; of several, all must be there.
    pub to: Vec<String>,
    /// One of these is its answer; none if it publishes nothing.
    pub expects: Vec<String>,
    pub state: StepState,
    /// When it should be there; null while a gate waits.
    pub due_at: Option<Timestamp>,
    pub answered_by: Option<Uuid>,
    /// What the service says, if it was asked.
    pub held: Option<DeliveryStatus>,
}

impl Node {
    /// What a service said before it went away is not what it would say now.
    pub fn mark_unreachable(&mut self, is_unreachable: &impl Fn(&str) -> bool) {
        let late = |step: &&mut Step| step.state == StepState::Overdue && is_unreachable(&step.service);
        for step in self.steps.iter_mut().filter(late) {
            step.held = Some(DeliveryStatus::unreachable(step.held.as_ref(), step.due_at.unwrap_or_default()));
        }
        self.effects.iter_mut().for_each(|effect| effect.mark_unreachable(is_unreachable));
    }
}
