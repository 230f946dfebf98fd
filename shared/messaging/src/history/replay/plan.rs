//! What is to be replayed, and how far it has come.

use event::EventType;
use jiff::Timestamp;
use serde::Serialize;

use crate::message::ReceivedMessage;

/// What is to be replayed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whose history.
    pub owner: &'static str,
    /// Only this event type; else all that the service reacts to.
    pub event: Option<EventType>,
    /// Events recorded at this time or later; else all.
    pub since: Option<Timestamp>,
    /// Build the state without mails and follow-ups.
    pub mute: bool,
    /// Count only.
    pub dry_run: bool,
}

/// How far a replay has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The first offset that was not read; none before the first.
    pub next_offset: Option<i64>,
    /// The last offset to be read; none if the history is empty.
    pub last_offset: Option<i64>,
    /// How many events the inbox had not seen, and which were handled now (or would be).
    pub new: i64,
    /// How many it had seen.
    pub already_handled: i64,
    /// How many could not be handled, and are parked.
    pub parked: i64,
    /// Whether it goes on where an earlier replay with the same plan was interrupted.
    pub resumed: bool,
}

impl Plan {
    pub(super) fn is_about(&self, message: &ReceivedMessage, reacts_to: &[EventType]) -> bool {
        let wanted = match self.event {
            Some(event) => message.exchange == event.name,
            None => reacts_to.iter().any(|event| event.name == message.exchange),
        };
        let recent = |since: Timestamp| message.decoded().is_ok_and(|envelope| envelope.time >= since);
        wanted && self.since.is_none_or(recent)
    }

    /// What makes two plans the same, for the table `replays`.
    pub(super) fn key(&self) -> (&'static str, &'static str, String, bool) {
        let since = self.since.map_or_else(|| "first".to_owned(), |since| since.to_string());
        (self.owner, self.event.map_or("", |event| event.name), since, self.mute)
    }
}
