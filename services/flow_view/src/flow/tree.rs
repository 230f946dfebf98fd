//! A flow in full: every event under its cause, with the steps that it makes the choreography expect.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    DeliveryStatus, Flow, ObservedEvent, ReportedStatus, evaluate, milliseconds, missing_causes,
    steps::{Expected, StepState, expected},
};

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

impl From<&Expected> for Step {
    fn from(expected: &Expected) -> Self {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Self {
            service: expected.service.to_owned(),
            what: expected.what.clone(),
            to: names(&expected.to),
            expects: names(&expected.expects),
            state: expected.state,
            due_at: expected.due_at,
            answered_by: expected.answered_by,
            held: expected.held.clone(),
        }
    }
}

impl Node {
    /// What a service said before it went away is not what it would say now.
    pub fn say_who_is_away(&mut self, is_away: &impl Fn(&str) -> bool) {
        let late = |step: &&mut Step| step.state == StepState::Overdue && is_away(&step.service);
        for step in self.steps.iter_mut().filter(late) {
            step.held = Some(DeliveryStatus::away(step.held.as_ref(), step.due_at.unwrap_or_default()));
        }
        self.effects.iter_mut().for_each(|effect| effect.say_who_is_away(is_away));
    }
}

/// The flow that `events` make, in full. `None` without events.
pub fn detail(events: &[ObservedEvent], holdings: &[ReportedStatus], now: Timestamp) -> Option<FlowDetail> {
    let flow = evaluate(events, holdings, now)?.flow;
    let mut events: Vec<_> = events.iter().collect();
    events.sort_by_key(|event| (event.recorded_at, event.event_id));
    let steps = expected(&events, holdings, now);
    let mut garden = Garden { began_at: flow.began_at, steps: &steps, planted: BTreeSet::new(), events: &events };
    let first = events.iter().filter(|event| event.event_id == flow.correlation_id || event.causation_id.is_none());
    let mut tree: Vec<_> = first.filter_map(|event| garden.plant(event)).collect();
    tree.extend(missing_causes(&events).into_iter().map(|cause| garden.plant_missing(cause)));
    // Whatever is left is its own cause, by way of others: no service does that, but a forged event may.
    tree.extend(events.iter().filter_map(|event| garden.plant(event)).collect::<Vec<_>>());
    Some(FlowDetail { flow, tree })
}

struct Garden<'a> {
    began_at: Timestamp,
    steps: &'a [Expected],
    planted: BTreeSet<Uuid>,
    events: &'a [&'a ObservedEvent],
}

impl Garden<'_> {
    /// `event` and all that it caused; `None` if it has its place already.
    fn plant(&mut self, event: &ObservedEvent) -> Option<Node> {
        if !self.planted.insert(event.event_id) {
            return None;
        }
        Some(Node {
            event_id: event.event_id,
            missing: false,
            event_type: Some(event.event_type.clone()),
            owner: Some(event.owner.clone()),
            causation_id: event.causation_id,
            recorded_at: Some(event.recorded_at),
            at_ms: Some(milliseconds(self.began_at, event.recorded_at)),
            sequence: Some(event.sequence),
            steps: self.steps_after(event.event_id),
            effects: self.effects_of(event.event_id),
        })
    }

    fn plant_missing(&mut self, cause: Uuid) -> Node {
        Node {
            event_id: cause,
            missing: true,
            event_type: None,
            owner: None,
            causation_id: None,
            recorded_at: None,
            at_ms: None,
            sequence: None,
            steps: self.steps_after(cause),
            effects: self.effects_of(cause),
        }
    }

    fn effects_of(&mut self, cause: Uuid) -> Vec<Node> {
        let effects = self.events.iter().filter(|event| event.causation_id == Some(cause));
        effects.filter_map(|event| self.plant(event)).collect()
    }

    /// A gate's step stands under the last of its events, as does its answer.
    fn steps_after(&self, event: Uuid) -> Vec<Step> {
        self.steps.iter().filter(|step| step.triggers.last() == Some(&event)).map(Step::from).collect()
    }
}
