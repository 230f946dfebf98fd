//! The steps that the choreography expects in a flow, and how each of them stands.

use std::time::Duration;

use contracts::choreography::{Reaction, observers};
use event::EventType;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    model::{DeliveryStatus, ObservedEvent, Overdue, StepState},
    observed::Observed,
};

/// An event that has just been seen is not judged by when it was recorded alone: after a pause we see old ones first.
const GRACE: Duration = Duration::from_secs(3);

/// How long an effect may be here before its cause.
const CAUSE_WITHIN: Duration = Duration::from_secs(10);

/// A step of a flow.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Who is to do it.
    pub service: &'static str,
    /// What it does.
    pub what: String,
    /// What it answers, by type.
    pub to: Vec<&'static str>,
    /// Those events, the last of them last.
    pub triggers: Vec<Uuid>,
    /// One of these is its answer.
    pub expects: Vec<&'static str>,
    pub state: StepState,
    /// When it should be there; null while a gate waits.
    pub due_at: Option<Timestamp>,
    /// From when on it is called overdue.
    pub judged_at: Option<Timestamp>,
    /// The answer.
    pub answered_by: Option<Uuid>,
    /// What the service says.
    pub held: Option<DeliveryStatus>,
    compensates: bool,
}

impl Expected {
    /// As one of the steps that are late.
    pub fn overdue(&self) -> Overdue {
        Overdue {
            service: self.service.to_owned(),
            to: self.to.iter().map(ToString::to_string).collect(),
            event_id: self.triggers.last().copied().unwrap_or_default(),
            expects: self.expects.iter().map(ToString::to_string).collect(),
            what: self.what.clone(),
            since: self.due_at.unwrap_or_default(),
            held: self.held.clone(),
        }
    }

    /// Whether it has undone something.
    pub fn has_compensated(&self) -> bool {
        self.compensates && self.state == StepState::Done
    }
}

impl<'a> Observed<'a> {
    /// Every step that the events make the choreography expect, and the causes that are not here.
    pub(crate) fn expected(&self) -> Vec<Expected> {
        let mut steps: Vec<_> = self.reactions.iter().flat_map(|reaction| self.steps_of(reaction)).collect();
        steps.extend(self.missing_causes().into_iter().map(|cause| self.missing(cause)));
        steps
    }

    /// Events that exclude each other, in words.
    pub(crate) fn contradictions(&self) -> Vec<String> {
        let exclusive = self.reactions.iter().filter(|reaction| reaction.publishes.len() > 1);
        let contradictions = exclusive.flat_map(|reaction| {
            self.triggers(reaction).into_iter().filter_map(|trigger| {
                let mut both: Vec<_> =
                    self.answers(reaction, &trigger).into_iter().map(|event| event.event_type.as_str()).collect();
                both.dedup();
                (both.len() > 1).then(|| format!("{} exclude each other, and all are here", both.join(" and ")))
            })
        });
        contradictions.collect()
    }

    fn steps_of(&self, reaction: &Reaction) -> Vec<Expected> {
        if reaction.only_if.is_some_and(|event| !self.has(event)) {
            return Vec::new();
        }
        self.triggers(reaction).into_iter().map(|trigger| self.step(reaction, &trigger)).collect()
    }

    /// The step of `reaction` to `trigger`, which is incomplete while a gate waits for others.
    fn step(&self, reaction: &Reaction, trigger: &[&'a ObservedEvent]) -> Expected {
        let answer = self.answers(reaction, trigger).first().copied();
        let held = trigger.last().and_then(|last| self.said(last.event_id, reaction.service));
        let complete = trigger.len() == reaction.to.len();
        let last = trigger.last().filter(|_| complete);
        let due_at = last.map(|last| after(last.recorded_at, reaction.within));
        let judged_at = last.zip(due_at).map(|(last, due)| due.max(after(last.seen_at, GRACE)));
        Expected {
            service: reaction.service,
            what: reaction.what.to_owned(),
            to: reaction.to.iter().map(|event| event.name).collect(),
            triggers: trigger.iter().map(|event| event.event_id).collect(),
            expects: reaction.publishes.iter().map(|event| event.name).collect(),
            state: self.state(reaction, answer.is_some(), held.as_ref(), judged_at),
            due_at,
            judged_at,
            answered_by: answer.map(|event| event.event_id),
            held,
            compensates: reaction.compensates,
        }
    }

    fn state(
        &self,
        reaction: &Reaction,
        answered: bool,
        held: Option<&DeliveryStatus>,
        judged_at: Option<Timestamp>,
    ) -> StepState {
        let handled = held.is_some_and(|held| held.state == "handled");
        match judged_at {
            _ if reaction.publishes.is_empty() => StepState::Unseen,
            _ if answered => StepState::Done,
            _ if handled && reaction.skipped_if.is_some_and(|event| self.has(event)) => StepState::Skipped,
            // A gate of which one half is there, in a flow that went the other way, waits for nothing.
            None if self.went_another_way(reaction) => StepState::Skipped,
            Some(judged_at) if judged_at <= self.now => StepState::Overdue,
            Some(_) | None => StepState::Open,
        }
    }

    /// Whether an event that `reaction` still waits for is excluded by one that is here.
    fn went_another_way(&self, reaction: &Reaction) -> bool {
        let wanted = |event: &&EventType| !self.has(**event);
        reaction.to.iter().filter(wanted).any(|wanted| {
            let excluding = self.reactions.iter().filter(|other| other.publishes.contains(wanted));
            excluding.flat_map(|other| other.publishes).any(|other| other != wanted && self.has(*other))
        })
    }

    /// An effect is here and its cause is not: every event reaches every subscriber, so it is ours to see it.
    fn missing(&self, cause: Uuid) -> Expected {
        let effects: Vec<_> = self.events.iter().filter(|event| event.causation_id == Some(cause)).collect();
        let due_at = effects.iter().map(|event| after(event.recorded_at, CAUSE_WITHIN)).min();
        let seen_at = effects.iter().map(|event| after(event.seen_at, GRACE)).min();
        let judged_at = due_at.max(seen_at);
        let overdue = judged_at.is_some_and(|at| at <= self.now);
        let names: Vec<_> = effects.iter().map(|event| event.event_type.as_str()).collect();
        Expected {
            service: observers().first().copied().unwrap_or("the observer"),
            what: format!("has not seen the cause of {}", names.join(" and ")),
            to: Vec::new(),
            triggers: vec![cause],
            expects: Vec::new(),
            state: if overdue { StepState::Overdue } else { StepState::Open },
            due_at,
            judged_at,
            answered_by: None,
            held: None,
            compensates: false,
        }
    }

    /// What `reaction` has to react to: for each event of its type one, for a gate all that are here together.
    fn triggers(&self, reaction: &Reaction) -> Vec<Vec<&'a ObservedEvent>> {
        let of = |wanted: &EventType| {
            let name = wanted.name;
            self.events.iter().copied().filter(move |seen| seen.event_type == name)
        };
        match reaction.to {
            [one] => of(one).map(|event| vec![event]).collect(),
            gate => {
                let mut here: Vec<_> = gate.iter().filter_map(|event| of(event).next()).collect();
                here.sort_by_key(|event| event.recorded_at);
                if here.is_empty() { Vec::new() } else { vec![here] }
            }
        }
    }

    /// What `reaction` has published in answer to `trigger`.
    fn answers(&self, reaction: &Reaction, trigger: &[&ObservedEvent]) -> Vec<&'a ObservedEvent> {
        let to = |event: &ObservedEvent| trigger.iter().any(|trigger| event.causation_id == Some(trigger.event_id));
        let is_one =
            |event: &ObservedEvent| reaction.publishes.iter().any(|published| published.name == event.event_type);
        self.events.iter().copied().filter(|event| is_one(event) && to(event)).collect()
    }
}

/// Fails only for times that no calendar has.
fn after(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
