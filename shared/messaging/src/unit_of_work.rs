//! The transaction that can publish: a fact and its event commit together or not at all.
//!
//! Publish first and save later, and a crash in between announces what never happened. Save first and publish later,
//! and it keeps quiet about what did. So [`UnitOfWork::publish`] only writes down; the outbox rows are the last
//! statements of the same transaction, and the [relay](crate::outbox::relay) tells the world afterwards.

use std::{collections::HashMap, io, sync::Arc};

use event::{Event, EventMeta, MAX_SIZE, TraceContext, derived_id};
use jiff::Timestamp;
use sqlx::PgConnection;
use thiserror::Error;
use tokio::sync::Notify;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::{
    database::{Database, in_time},
    log::log_hop,
    outbox,
    transaction::Transaction,
};

/// An event that can't be published, whoever tries.
#[derive(Debug, Error)]
pub enum PublishError {
    /// Larger than [`MAX_SIZE`].
    #[error("an event of {size} bytes is larger than {MAX_SIZE}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// Not JSON.
    #[error("the event can't be written as JSON")]
    NotJson(#[from] serde_json::Error),
}

/// The event that a unit of work answers: its follow-ups derive their ids from it.
pub type Cause = EventMeta;

/// A transaction with `publish`. Dropping it rolls back and publishes nothing.
#[derive(Debug)]
pub struct UnitOfWork {
    transaction: Transaction,
    database: Database,
    cause: Option<Cause>,
    muted: bool,
    /// How many follow-ups of each type the current cause has.
    ordinals: HashMap<&'static str, usize>,
    local_id: Option<Uuid>,
    recorded: Vec<outbox::PendingEvent>,
    waiting: Vec<Arc<Notify>>,
}

impl UnitOfWork {
    fn new(transaction: Transaction, database: Database) -> Self {
        Self {
            transaction,
            database,
            cause: None,
            muted: false,
            ordinals: HashMap::new(),
            local_id: None,
            recorded: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// The connection, for SQL within this transaction.
    pub fn sql(&mut self) -> &mut PgConnection {
        self.transaction.sql()
    }

    /// Now, by the service's clock.
    pub fn now(&self) -> Timestamp {
        self.database.clock.now()
    }

    /// The event that is being answered; none in an HTTP request.
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// From here on this unit of work answers `cause`.
    pub fn caused_by(&mut self, cause: Cause) {
        self.cause = Some(cause);
        self.ordinals.clear();
        self.local_id = None;
    }

    /// From here on this unit of work builds state and tells nobody, or does again.
    pub(crate) fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Whether it only builds state: what it publishes is dropped, and a handler that queues something for the outside
    /// (a mail) must not have it sent.
    pub fn is_muted(&self) -> bool {
        self.muted
    }

    /// Says what this step made, if it is no event: the second half of its `transaction_id`.
    pub fn record_local_id(&mut self, id: Uuid) {
        self.local_id.get_or_insert(id);
    }

    /// What the current step made first: an event's id, or what [`UnitOfWork::record_local_id`] said.
    pub(crate) fn local_id(&self) -> Option<Uuid> {
        self.local_id
    }

    /// Publishes `event` if and when this unit of work commits. The id is a new UUIDv7 for a first event, and derived
    /// from the cause for a follow-up. A muted unit of work publishes nothing.
    pub fn publish<E: Event>(&mut self, event: &E) -> Result<EventMeta, PublishError> {
        let data = serde_json::value::to_raw_value(event)?;
        let size = data.get().len() + ENVELOPE_SIZE;
        if size > MAX_SIZE {
            return Err(PublishError::TooLarge { size });
        }
        let meta = self.identify::<E>(event);
        if self.muted {
            return Ok(meta);
        }
        self.record_local_id(meta.id);
        let span = Span::current();
        let trace = TraceContext::of(&span);
        let time = self.now();
        self.recorded.push(outbox::PendingEvent { meta: meta.clone(), version: E::VERSION, time, trace, data, span });
        Ok(meta)
    }

    fn identify<E: Event>(&mut self, event: &E) -> EventMeta {
        let (event_type, subject) = (E::TYPE.to_owned(), event.subject());
        let Some(cause) = &self.cause else {
            let id = self.database.clock.new_id();
            return EventMeta { id, event_type, subject, correlation_id: id, causation_id: None };
        };
        let ordinal = self.ordinals.entry(E::TYPE).or_default();
        let id = derived_id(cause.id, self.database.service, E::TYPE, *ordinal);
        *ordinal += 1;
        EventMeta { id, event_type, subject, correlation_id: cause.correlation_id, causation_id: Some(cause.id) }
    }

    /// Wakes `sender` if and when this unit of work commits: there is a row for it.
    pub fn wake_on_commit(&mut self, sender: &Arc<Notify>) {
        self.waiting.push(sender.clone());
    }

    /// Commits the facts and their events, then wakes the relay of this process.
    ///
    /// In a task of its own: a caller who gives up meanwhile (a client that hangs up) must keep neither the log line nor the
    /// relay from what is committed.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        let committing = tokio::spawn(self.finish().in_current_span());
        committing.await.map_err(|error| sqlx::Error::Io(io::Error::other(error)))?
    }

    async fn finish(mut self) -> Result<(), sqlx::Error> {
        in_time(outbox::insert(self.transaction.sql(), self.database.service, &self.recorded)).await?;
        self.transaction.commit().await?;
        self.database.trouble.clear();
        let now = self.database.clock.now();
        for event in &self.recorded {
            self.database.metrics.flow.recorded(&event.meta, now);
            event.span.in_scope(|| log_hop("event recorded", &event.meta, event.meta.id));
        }
        if !self.recorded.is_empty() {
            self.database.wake_ups.relay.notify_one();
        }
        self.waiting.iter().for_each(|sender| sender.notify_one());
        Ok(())
    }
}

impl Database {
    /// Begins a transaction that can publish.
    pub async fn begin(&self) -> Result<UnitOfWork, sqlx::Error> {
        Ok(UnitOfWork::new(Transaction::begin(&self.pool).await?, self.clone()))
    }
}

/// Room for everything around the data: ids, times, trace headers.
const ENVELOPE_SIZE: usize = 2048;
