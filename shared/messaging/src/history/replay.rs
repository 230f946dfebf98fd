//! Replay: an operator has an owner's history read again, up to its end as of the start, and what the inbox has not seen
//! goes to the service's own handlers.
//!
//! For a handler that was added later, for an inbox that was restored from an old backup, for a service that lost its
//! database. What was handled is handled no more, so a replay may be interrupted and asked for again at any time.

use std::{collections::HashSet, time::Duration};

use event::EventType;
use thiserror::Error;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{REPLAY, end};
use crate::{
    audit::Operator,
    bus::{BusError, Deliveries, Delivery, HistoryFrom, Subscriber, fill},
    database::Database,
    known,
    lock::Lock,
    message::{Batch, MAX_BATCH, ReceivedMessage},
    router::{Dispatcher, SessionError},
};

mod checkpoint;
mod plan;

pub use plan::{Plan, Progress};

/// How long an unbroken stream takes at most to show its first message.
const FIRST_WORD: Duration = Duration::from_secs(2);

/// Why a replay did not begin, or ended.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// Another replay runs.
    #[error("another replay runs: try again later")]
    Busy,
    /// The owner has no history on the broker.
    #[error("{0} has no history on the broker")]
    NoHistory(&'static str),
    /// The broker's fault.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The database's fault.
    #[error("the database does not answer as it should")]
    Database(#[from] sqlx::Error),
    /// The history's channel was closed, or the service shuts down.
    #[error("interrupted: ask again, it goes on from there")]
    Interrupted,
}

impl From<SessionError> for ReplayError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Bus(error) => Self::Bus(error),
            SessionError::Database(error) => Self::Database(error),
            _ => Self::Interrupted,
        }
    }
}

/// A replay that has begun.
pub struct Replay {
    database: Database,
    reacts_to: Vec<EventType>,
    subscriber: Box<dyn Subscriber>,
    dispatcher: Dispatcher,
    stream: Box<dyn Deliveries>,
    plan: Plan,
    progress: Progress,
    lock: Lock,
}

impl Replay {
    /// Notes the end of the history, and where an interrupted replay with the same plan has been.
    pub async fn begin(
        database: Database,
        reacts_to: Vec<EventType>,
        mut subscriber: Box<dyn Subscriber>,
        dispatcher: Dispatcher,
        plan: Plan,
        operator: &Operator,
    ) -> Result<Self, ReplayError> {
        let mut lock = Lock::open(&database, REPLAY).await?;
        if !lock.try_take().await? {
            return Err(ReplayError::Busy);
        }
        let search = end::search(subscriber.as_mut(), plan.owner, FIRST_WORD).await?;
        let end = search.ok_or(ReplayError::NoHistory(plan.owner))?.await.ok_or(ReplayError::Interrupted)?;
        let last_offset = Some(end.offset()).filter(|offset| *offset >= 0);
        let progress = Progress { last_offset, ..checkpoint::begin(&database, &plan, operator).await? };
        let from = match (progress.next_offset, plan.since) {
            (Some(offset), _) => HistoryFrom::Offset(offset),
            (None, Some(time)) => HistoryFrom::Time(time),
            (None, None) => HistoryFrom::Offset(0),
        };
        let stream = subscriber.read_history(plan.owner, from).await?.ok_or(ReplayError::NoHistory(plan.owner))?;
        Ok(Self { database, reacts_to, subscriber, dispatcher, stream, plan, progress, lock })
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Reads and handles some more; `false` when the end was reached. The step that tests drive.
    pub async fn step(&mut self, shutdown: &CancellationToken) -> Result<bool, ReplayError> {
        if self.is_at_its_end() {
            return Ok(false);
        }
        let Ok(first) = timeout(FIRST_WORD, self.stream.next()).await else {
            // Nothing there: what is left begins after the end.
            self.progress.next_offset = self.progress.last_offset.map(|last| last + 1);
            return Ok(false);
        };
        let first = first.ok_or(ReplayError::Interrupted)?;
        let messages = self.read(first).await;
        self.handle(messages, shutdown).await?;
        Ok(!self.is_at_its_end())
    }

    /// Leaves the broker. A replay that came to its end is forgotten: the same plan begins anew next time.
    pub async fn end(mut self) -> Result<(), ReplayError> {
        self.stream.close().await;
        self.subscriber.close().await;
        if self.progress.next_offset > self.progress.last_offset || self.progress.last_offset.is_none() {
            checkpoint::forget(&self.database, &self.plan).await?;
        }
        self.lock.release().await;
        Ok(())
    }

    fn is_at_its_end(&self) -> bool {
        let Progress { next_offset, last_offset, .. } = self.progress;
        last_offset.is_none_or(|last| next_offset.is_some_and(|next| next > last))
    }

    /// `first` and what is buffered after it: those that the plan is about, up to the end.
    async fn read(&mut self, first: Delivery) -> Vec<ReceivedMessage> {
        let mut messages = Vec::new();
        for mut delivery in fill(first, self.stream.as_mut(), MAX_BATCH) {
            let offset = delivery.offset.unwrap_or_default();
            let body = std::mem::take(&mut delivery.body);
            let mut message = ReceivedMessage::new(&delivery, body);
            message.muted = self.plan.mute;
            // Credit for the next message; it deletes nothing.
            delivery.ack().await;
            let read_before = self.progress.next_offset.is_some_and(|next| offset < next);
            if read_before || self.progress.last_offset.is_some_and(|last| offset > last) {
                continue;
            }
            self.progress.next_offset = Some(offset + 1);
            if self.plan.is_about(&message, &self.reacts_to) {
                messages.push(message);
            }
        }
        // A chunk that lies behind the end altogether ends it as well.
        if self.progress.next_offset.is_none() {
            self.progress.next_offset = self.progress.last_offset.map(|last| last + 1);
        }
        messages
    }

    async fn handle(
        &mut self,
        mut messages: Vec<ReceivedMessage>,
        shutdown: &CancellationToken,
    ) -> Result<(), ReplayError> {
        let read = messages.len();
        let missing = known::missing(&self.database, &messages).await?;
        messages.retain(|message| missing.contains(&message.id));
        // Copies in the stream: the first is new, the others are not.
        let new = messages.iter().map(|message| message.id).collect::<HashSet<_>>();
        let mut parked = 0;
        if !self.plan.dry_run && !messages.is_empty() {
            self.dispatcher.dispatch(Batch { messages, cursor: None }, shutdown).await?;
            parked = checkpoint::count_parked(&self.database, &new).await?;
        }
        self.progress.new += count(new.len()) - parked;
        self.progress.parked += parked;
        self.progress.already_handled += count(read - new.len());
        if !self.plan.dry_run {
            checkpoint::save(&self.database, &self.plan, &self.progress).await?;
        }
        Ok(())
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
