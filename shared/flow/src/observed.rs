//! All that is known of one flow, and by what it is judged.

use std::collections::BTreeSet;

use contracts::choreography::Reaction;
use event::EventType;
use jiff::Timestamp;
use uuid::Uuid;

use crate::model::{DeliveryStatus, ObservedEvent, ReportedStatus};

/// A flow as it was observed until now.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    pub(crate) reactions: &'a [Reaction],
    /// A cause before its effect where clocks agree; by id where they say the same.
    pub(crate) events: Vec<&'a ObservedEvent>,
    pub(crate) first: &'a ObservedEvent,
    pub(crate) statuses: &'a [ReportedStatus],
    pub(crate) now: Timestamp,
}

impl<'a> Observed<'a> {
    /// `events`, all of one flow, and what services say of them, at `now`; to be judged by `reactions`. `None` without events.
    pub fn new(
        reactions: &'a [Reaction],
        events: &'a [ObservedEvent],
        statuses: &'a [ReportedStatus],
        now: Timestamp,
    ) -> Option<Self> {
        let mut events: Vec<_> = events.iter().collect();
        events.sort_by_key(|event| (event.recorded_at, event.event_id));
        let first = *events.first()?;
        Some(Self { reactions, events, first, statuses, now })
    }

    pub(crate) fn has(&self, event: EventType) -> bool {
        self.events.iter().any(|seen| seen.event_type == event.name)
    }

    /// What `service` says of an event.
    pub(crate) fn said(&self, event_id: Uuid, service: &str) -> Option<DeliveryStatus> {
        let about = |status: &&ReportedStatus| status.event_id == event_id && status.service == service;
        self.statuses.iter().find(about).map(|status| status.held.clone())
    }

    /// The ids that events name as their cause and that were not seen.
    pub(crate) fn missing_causes(&self) -> BTreeSet<Uuid> {
        let known: BTreeSet<_> = self.events.iter().map(|event| event.event_id).collect();
        self.events.iter().filter_map(|event| event.causation_id).filter(|cause| !known.contains(cause)).collect()
    }

    /// Milliseconds from the beginning of the flow to `at`; negative where clocks disagree.
    pub(crate) fn milliseconds(&self, at: Timestamp) -> i64 {
        at.as_millisecond() - self.first.recorded_at.as_millisecond()
    }
}
