//! Reading one owner's history, from the cursor to the end.

use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Cursor, Progress};
use crate::{
    bus::{BusError, CatchUpPolicy, Deliveries, Delivery, HistoryFrom, Subscriber, fill},
    message::{MAX_BATCH, ReceivedMessage},
};

/// How long an unbroken stream takes at most to show the event before the cursor.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// One owner's history while it is being read.
pub(crate) struct HistoryReader {
    pub cursor: Cursor,
    pub caught_up: bool,
    /// If the last reading did not get on, what is missing first may be what ended it: so many messages run alone, and
    /// are counted like those that a queue delivers again.
    pub suspicious: usize,
    settling: CatchUpPolicy,
    stream: Option<Box<dyn Deliveries>>,
    /// Still to see the event before the cursor, to know that this is the stream that the cursor belongs to.
    unverified: bool,
    /// By the service's clock, to compare with the events' times, and by one that never jumps, to wait.
    bound_at: Option<(Timestamp, Instant)>,
    opened: Instant,
    /// Since when nothing was there. Only looking can say so: while a batch is handled, news may lie unread.
    empty_since: Option<Instant>,
    newest: Timestamp,
}

/// Messages in the stream's order, and where the stream is after them.
pub(crate) struct Chunk {
    pub messages: Vec<ReceivedMessage>,
    pub cursor: Cursor,
}

impl HistoryReader {
    pub fn new(owner: &'static str, progress: &Progress, settling: CatchUpPolicy) -> Self {
        let cursor = Cursor { owner, next_offset: progress.next_offset, last_event_id: progress.last_event_id };
        Self {
            suspicious: if progress.begun > 1 { MAX_BATCH } else { 0 },
            caught_up: progress.caught_up,
            unverified: cursor.next_offset > 0,
            cursor,
            settling,
            stream: None,
            bound_at: None,
            opened: Instant::now(),
            empty_since: None,
            newest: Timestamp::MIN,
        }
    }

    /// The queue is bound to all of this owner's events since `now`.
    pub fn bound(&mut self, now: Timestamp) {
        self.bound_at.get_or_insert((now, Instant::now()));
    }

    /// Whether `message` was recorded after the queue was bound, by the clocks of both: it happens while the past is read.
    pub fn is_new(&self, message: &ReceivedMessage) -> bool {
        let recorded = message.decoded().map(|envelope| envelope.time);
        self.bound_at.is_some_and(|(bound_at, _)| recorded.is_ok_and(|time| time > bound_at))
    }

    /// Opens the stream if it is not open and there is one.
    pub async fn open(&mut self, subscriber: &mut dyn Subscriber) -> Result<(), BusError> {
        if self.unverified && self.stream.is_some() && self.opened.elapsed() > FIRST_WORD {
            // Nothing at the cursor: the stream was made anew and is shorter than what we have read.
            self.start_over().await;
        }
        if self.stream.is_none() {
            let from = self.cursor.next_offset - i64::from(self.unverified);
            self.stream = subscriber.read_history(self.cursor.owner, HistoryFrom::Offset(from)).await?;
            self.opened = Instant::now();
            self.empty_since = None;
        }
        Ok(())
    }

    /// The next message; `None` when the stream broke. Pending while it is not open. Cancel-safe.
    pub async fn next(&mut self) -> Option<Delivery> {
        let Some(stream) = &mut self.stream else { return std::future::pending().await };
        if let Some(ready) = stream.next().now_or_never() {
            self.empty_since = None;
            return ready;
        }
        self.empty_since.get_or_insert_with(Instant::now);
        let delivery = stream.next().await;
        self.empty_since = None;
        delivery
    }

    /// `first` and what is buffered after it, at most `max`.
    pub async fn chunk(&mut self, first: Delivery, max: usize) -> Chunk {
        let deliveries = match &mut self.stream {
            Some(stream) => fill(first, stream.as_mut(), max),
            None => vec![first],
        };
        self.take(deliveries).await
    }

    async fn take(&mut self, deliveries: Vec<Delivery>) -> Chunk {
        let mut messages = Vec::with_capacity(deliveries.len());
        for mut delivery in deliveries {
            let offset = delivery.offset.unwrap_or_default();
            let body = std::mem::take(&mut delivery.body);
            let message = ReceivedMessage::new(&delivery, body);
            // In a history an ack is credit for the next message and deletes nothing; the cursor is what remembers.
            delivery.ack().await;
            if self.unverified {
                self.unverified = false;
                if offset == self.cursor.next_offset - 1 && Some(message.id) != self.cursor.last_event_id {
                    self.start_over().await;
                    break;
                }
            }
            if offset >= self.cursor.next_offset {
                self.pass(offset, &message);
                messages.push(message);
            }
        }
        Chunk { messages, cursor: self.cursor.clone() }
    }

    fn pass(&mut self, offset: i64, message: &ReceivedMessage) {
        self.cursor = Cursor { next_offset: offset + 1, last_event_id: Some(message.id), ..self.cursor };
        if let Ok(envelope) = message.decoded() {
            self.newest = self.newest.max(envelope.time);
        }
    }

    /// From the first message of the stream that is there now.
    async fn start_over(&mut self) {
        self.close().await;
        self.unverified = false;
        self.cursor = Cursor { next_offset: 0, last_event_id: None, ..self.cursor };
    }

    /// Whether the queue has all that follows.
    pub fn is_finished(&self) -> bool {
        let Some((bound_at, since)) = self.bound_at else { return false };
        let CatchUpPolicy { grace, idle, .. } = self.settling;
        let sees_newer = bound_at.checked_add(grace).is_ok_and(|safe| self.newest > safe);
        let sees_nothing = since.elapsed() > grace && self.empty_since.is_some_and(|since| since.elapsed() >= idle);
        !self.unverified && (sees_newer || sees_nothing)
    }

    /// Whether there is a binding and a stream to wait for.
    pub fn is_waiting_for_owner(&self) -> bool {
        self.bound_at.is_none() || self.stream.is_none()
    }

    pub async fn close(&mut self) {
        self.empty_since = None;
        if let Some(stream) = self.stream.take() {
            stream.close().await;
        }
    }
}

/// The ids of a chunk, to ask the inbox for.
pub(crate) fn ids(messages: &[ReceivedMessage]) -> Vec<Uuid> {
    messages.iter().map(|message| message.id).collect()
}
