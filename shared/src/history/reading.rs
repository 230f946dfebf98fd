//! Reading one owner's history, from the cursor to the end.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Cursor, Progress, Settling};
use crate::{
    bus::{BusError, Deliveries, Delivery, Subscriber},
    router::{Incoming, MAX_BATCH, fill},
};

/// How long an unbroken stream takes at most to show the event before the cursor.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// One owner's history while it is being read.
pub(crate) struct Reading {
    pub cursor: Cursor,
    pub caught_up: bool,
    /// The first messages of a catch-up that begins again may be what ended the last one: they run alone.
    pub suspicious: usize,
    settling: Settling,
    stream: Option<Box<dyn Deliveries>>,
    /// Still to see the event before the cursor, to know that this is the stream that the cursor belongs to.
    unproven: bool,
    bound_at: Option<Timestamp>,
    last_news: Instant,
    newest: Timestamp,
}

/// Messages in the stream's order, and where the stream is after them.
pub(crate) struct Chunk {
    pub messages: Vec<Incoming>,
    pub cursor: Cursor,
}

impl Reading {
    pub fn new(owner: &'static str, progress: &Progress, settling: Settling) -> Self {
        let cursor = Cursor { owner, next_offset: progress.next_offset, last_event_id: progress.last_event_id };
        Self {
            suspicious: if progress.caught_up || cursor.next_offset == 0 { 0 } else { MAX_BATCH },
            caught_up: progress.caught_up,
            unproven: cursor.next_offset > 0,
            cursor,
            settling,
            stream: None,
            bound_at: None,
            last_news: Instant::now(),
            newest: Timestamp::MIN,
        }
    }

    /// The queue is bound to all of this owner's events since `now`.
    pub fn bound(&mut self, now: Timestamp) {
        self.bound_at.get_or_insert(now);
    }

    /// Opens the stream if it is not open and there is one.
    pub async fn open(&mut self, subscriber: &mut dyn Subscriber) -> Result<(), BusError> {
        if self.unproven && self.stream.is_some() && self.last_news.elapsed() > FIRST_WORD {
            // Nothing at the cursor: the stream was made anew and is shorter than what we have read.
            self.start_over().await;
        }
        if self.stream.is_none() {
            let from = self.cursor.next_offset - i64::from(self.unproven);
            self.stream = subscriber.read_history(self.cursor.owner, from).await?;
            self.last_news = Instant::now();
        }
        Ok(())
    }

    /// The next message; `None` when the stream broke. Pending while it is not open. Cancel-safe.
    pub async fn next(&mut self) -> Option<Delivery> {
        match &mut self.stream {
            Some(stream) => stream.next().await,
            None => std::future::pending().await,
        }
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
        self.last_news = Instant::now();
        for mut delivery in deliveries {
            let offset = delivery.offset.unwrap_or_default();
            let body = std::mem::take(&mut delivery.body);
            let message = Incoming::new(&delivery, body);
            // In a history an ack is credit for the next message and deletes nothing; the cursor is what remembers.
            delivery.ack().await;
            if self.unproven {
                self.unproven = false;
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

    fn pass(&mut self, offset: i64, message: &Incoming) {
        self.cursor = Cursor { next_offset: offset + 1, last_event_id: Some(message.id), ..self.cursor };
        if let Ok(envelope) = message.decoded() {
            self.newest = self.newest.max(envelope.time);
        }
    }

    /// From the first message of the stream that is there now.
    async fn start_over(&mut self) {
        self.close().await;
        self.unproven = false;
        self.cursor = Cursor { next_offset: 0, last_event_id: None, ..self.cursor };
    }

    /// Whether the queue has all that follows.
    pub fn is_finished(&self, now: Timestamp) -> bool {
        let Some(bound_at) = self.bound_at else { return false };
        let Ok(grace) = SignedDuration::try_from(self.settling.grace) else { return false };
        let safe = bound_at + grace;
        let idle = self.last_news.elapsed() >= self.settling.idle;
        !self.unproven && (self.newest > safe || now > safe && idle && self.stream.is_some())
    }

    /// Whether there is a binding and a stream to wait for.
    pub fn is_waiting_for_owner(&self) -> bool {
        self.bound_at.is_none() || self.stream.is_none()
    }

    pub async fn close(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.close().await;
        }
    }
}

/// The ids of a chunk, to ask the inbox for.
pub(crate) fn ids(messages: &[Incoming]) -> Vec<Uuid> {
    messages.iter().map(|message| message.id).collect()
}
