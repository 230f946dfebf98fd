//! A flow in full: every event under its cause, with the steps that it makes the choreography expect.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::{
    expected::Expected,
    model::{FlowDetail, Node, ObservedEvent, Step},
    observed::Observed,
};

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

impl Observed<'_> {
    /// The flow in full.
    pub fn detail(&self) -> FlowDetail {
        let steps = self.expected();
        let flow = self.judge(&steps).flow;
        let mut builder = TreeBuilder { observed: self, steps, placed: BTreeSet::new() };
        let is_first = |event: &ObservedEvent| event.event_id == flow.correlation_id || event.causation_id.is_none();
        let mut tree: Vec<_> =
            self.events.iter().filter(|event| is_first(event)).filter_map(|event| builder.build(event)).collect();
        tree.extend(self.missing_causes().into_iter().map(|cause| builder.build_missing(cause)));
        // Whatever is left is its own cause, by way of others: no service does that, but a forged event may.
        tree.extend(self.events.iter().filter_map(|event| builder.build(event)));
        FlowDetail { flow, tree }
    }
}

/// Gives every event its place, once.
struct TreeBuilder<'a> {
    observed: &'a Observed<'a>,
    steps: Vec<Expected>,
    placed: BTreeSet<Uuid>,
}

impl TreeBuilder<'_> {
    /// `event` and all that it caused; `None` if it has its place already.
    fn build(&mut self, event: &ObservedEvent) -> Option<Node> {
        if !self.placed.insert(event.event_id) {
            return None;
        }
        Some(Node {
            event_id: event.event_id,
            missing: false,
            event_type: Some(event.event_type.clone()),
            owner: Some(event.owner.clone()),
            causation_id: event.causation_id,
            recorded_at: Some(event.recorded_at),
            at_ms: Some(self.observed.milliseconds(event.recorded_at)),
            sequence: Some(event.sequence),
            steps: self.steps_after(event.event_id),
            effects: self.effects_of(event.event_id),
        })
    }

    fn build_missing(&mut self, cause: Uuid) -> Node {
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
        let events = self.observed.events.iter().filter(|event| event.causation_id == Some(cause));
        events.filter_map(|event| self.build(event)).collect()
    }

    /// A gate's step stands under the last of its events, as does its answer.
    fn steps_after(&self, event: Uuid) -> Vec<Step> {
        self.steps.iter().filter(|step| step.triggers.last() == Some(&event)).map(Step::from).collect()
    }
}
