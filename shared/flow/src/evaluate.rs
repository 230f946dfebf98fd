//! A flow in short.

use jiff::Timestamp;

use crate::{
    expected::Expected,
    model::{Flow, Mark, ObservedEvent, State, StepState},
    observed::Observed,
};

/// A flow in short, and when to look again if nothing happens until then.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// How it stands now.
    pub flow: Flow,
    /// When that changes by itself.
    pub due_at: Option<Timestamp>,
}

impl Observed<'_> {
    /// What it amounts to.
    pub fn evaluate(&self) -> Evaluated {
        self.judge(&self.expected())
    }

    /// The same, by what is expected.
    pub(crate) fn judge(&self, expected: &[Expected]) -> Evaluated {
        let (first, problems) = (self.first, self.contradictions());
        let began_with = self.events.iter().find(|event| event.event_id == first.correlation_id);
        let (state, since) = self.stands(expected, &problems);
        let flow = Flow {
            correlation_id: first.correlation_id,
            customer_id: first.customer_id,
            trace_id: self.events.iter().find_map(|event| event.trace_id.clone()),
            began_at: first.recorded_at,
            began_with: began_with.map(|event| event.event_type.clone()),
            state,
            since,
            duration_ms: self.milliseconds(self.ended_at()),
            events: self.events.iter().map(|event| self.mark(event)).collect(),
            overdue: expected.iter().filter(|step| step.state == StepState::Overdue).map(Expected::overdue).collect(),
            problems,
        };
        let open = expected.iter().filter(|step| step.state == StepState::Open);
        Evaluated { flow, due_at: open.filter_map(|step| step.judged_at).min() }
    }

    fn stands(&self, expected: &[Expected], problems: &[String]) -> (State, Timestamp) {
        let late = expected.iter().filter(|step| step.state == StepState::Overdue);
        match late.filter_map(|step| step.due_at).min() {
            Some(since) => (State::Stuck, since),
            None if !problems.is_empty() => (State::Stuck, self.ended_at()),
            None if expected.iter().any(|step| step.state == StepState::Open) => {
                (State::Running, self.first.recorded_at)
            }
            None if expected.iter().any(Expected::has_compensated) => (State::Compensated, self.ended_at()),
            None => (State::Done, self.ended_at()),
        }
    }

    fn ended_at(&self) -> Timestamp {
        self.events.last().map_or(self.first.recorded_at, |event| event.recorded_at)
    }

    fn mark(&self, event: &ObservedEvent) -> Mark {
        Mark {
            event_type: event.event_type.clone(),
            owner: event.owner.clone(),
            at_ms: self.milliseconds(event.recorded_at),
        }
    }
}
