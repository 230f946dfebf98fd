//! The inbox: once per service, and one commit for many messages.
//!
//! A row here says that the service has taken charge of an event. It is written in the transaction that also holds the
//! effect and the follow-up events, so a redelivery, a replay and a re-drive do nothing. The messages of a batch share
//! one transaction, in delivery order (group commit: DeWitt et al., "Implementation techniques for main memory database
//! systems", 1984): a commit costs a disk flush, and one flush can serve them all.

use std::{collections::HashSet, time::Instant};

use event::TraceContext;
use sqlx::{query, query_scalar};
use tower::service_fn;
use uuid::Uuid;

use crate::{
    database::Database,
    failpoint::{Failpoint, hit},
    failure::Failure,
    handler::Handlers,
    history, known,
    log::log_hop_in,
    message::{Batch, Outcome, ReceivedMessage, row_id},
    middleware::BatchService,
    parked, poison,
    processing::{handle_in_span, say_handled},
    unit_of_work::UnitOfWork,
};

pub mod status;

/// The innermost service of the router's stack: owns the transaction.
#[derive(Clone, Debug)]
pub struct Inbox {
    database: Database,
    handlers: Handlers,
}

impl Inbox {
    /// Hands what is new to `handlers`.
    pub fn new(database: Database, handlers: Handlers) -> Self {
        Self { database, handlers }
    }

    /// As a service, for the router's stack.
    pub fn service(self) -> impl BatchService {
        service_fn(move |batch| self.clone().handle(batch))
    }

    async fn handle(self, batch: Batch) -> Result<Vec<Outcome>, Failure> {
        let begun = Instant::now();
        let mut tx = self.database.begin().await?;
        let mut new = self.claim(&mut tx, &batch.messages).await?;
        hit(Failpoint::Inserted).await;
        // Only what was there already can be another's: on the usual path nothing is asked.
        if new.len() < batch.messages.len() && known::is_of_another(tx.sql(), &batch.messages).await? {
            return Err(Failure::IdOfAnother);
        }
        // In a later statement than the INSERT, which may have waited for another replica that parked a message just now.
        let held = parked::blocked_subjects(tx.sql(), &batch.messages).await?;
        let mut outcomes = Vec::with_capacity(batch.messages.len());
        for message in &batch.messages {
            let outcome = if new.remove(&message.id) {
                self.handle_new(&mut tx, message, &held).await?
            } else {
                Outcome::AlreadyHandled
            };
            outcomes.push(outcome);
        }
        self.finish(&mut tx, &batch, &outcomes).await?;
        tx.commit().await?;
        hit(Failpoint::Committed).await;
        self.database.metrics.inbox.committed(batch.messages.len(), begun.elapsed());
        self.say(&batch.messages, &outcomes);
        Ok(outcomes)
    }

    /// Writes the inbox rows and gives the ids that were not there yet.
    async fn claim(&self, tx: &mut UnitOfWork, messages: &[ReceivedMessage]) -> Result<HashSet<Uuid>, sqlx::Error> {
        let now = jiff_sqlx::Timestamp::from(tx.now());
        let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
        let rows: Vec<_> = ids.iter().map(|id| row_id(*id, self.database.service)).collect();
        let types: Vec<_> = messages.iter().map(|message| message.exchange.clone()).collect();
        let new = query_scalar!(
            "INSERT INTO inbox (event_id, id, event_type, received_at, done_at)
             SELECT event_id, id, event_type, $4, $4
             FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS rows (event_id, id, event_type)
             ON CONFLICT (event_id) DO NOTHING
             RETURNING event_id",
            &ids,
            &rows,
            &types,
            now as _,
        )
        .fetch_all(tx.sql())
        .await?;
        Ok(new.into_iter().collect())
    }

    async fn handle_new(
        &self,
        tx: &mut UnitOfWork,
        message: &ReceivedMessage,
        held: &HashSet<Uuid>,
    ) -> Result<Outcome, Failure> {
        let envelope = message.decoded()?;
        if held.contains(&envelope.subject) {
            parked::park_behind(tx, message, envelope).await?;
            return Ok(Outcome::Blocked);
        }
        handle_in_span(&self.handlers, tx, message, envelope, self.database.service).await
    }

    async fn finish(&self, tx: &mut UnitOfWork, batch: &Batch, outcomes: &[Outcome]) -> Result<(), sqlx::Error> {
        let blocked: Vec<_> = ids_where(batch, |(_, outcome)| **outcome == Outcome::Blocked, outcomes);
        if !blocked.is_empty() {
            query!("UPDATE inbox SET done_at = NULL WHERE event_id = ANY($1)", &blocked).execute(tx.sql()).await?;
        }
        let redelivered: Vec<_> = ids_where(batch, |(message, _)| message.redelivered, outcomes);
        if !redelivered.is_empty() {
            poison::clear(tx.sql(), &redelivered).await?;
        }
        if let Some(cursor) = &batch.cursor {
            history::advance(tx.sql(), cursor).await?;
        }
        Ok(())
    }

    /// Only after the commit: what was rolled back must be neither in the log nor counted.
    fn say(&self, messages: &[ReceivedMessage], outcomes: &[Outcome]) {
        for (message, outcome) in messages.iter().zip(outcomes) {
            let Some(meta) = message.meta() else { continue };
            message.span.in_scope(|| match outcome {
                Outcome::Handled { local, took } => say_handled(&self.database, &meta, *local, *took),
                Outcome::AlreadyHandled => say_already_handled(&self.database, message, &TraceContext::default()),
                Outcome::Blocked => parked::log_behind(&meta),
            });
        }
    }
}

/// The service has had it before; the line belongs to `trace` if there is no span.
fn say_already_handled(database: &Database, message: &ReceivedMessage, trace: &TraceContext) {
    let Some(meta) = message.meta() else { return };
    database.metrics.inbox.already_handled(&meta);
    log_hop_in(trace, "event already handled", &meta, row_id(message.id, database.service));
}

/// Leaves only what this service has never taken charge of; `true` if something was known. What is known needs no span, and
/// no round through layers and handlers.
pub(crate) async fn drop_known(database: &Database, messages: &mut Vec<ReceivedMessage>) -> Result<bool, sqlx::Error> {
    let missing = known::missing(database, messages).await?;
    let (new, known) = std::mem::take(messages).into_iter().partition(|message| missing.contains(&message.id));
    *messages = new;
    let known: Vec<ReceivedMessage> = known;
    for message in &known {
        let trace = message.decoded().map(|envelope| envelope.trace.clone()).unwrap_or_default();
        say_already_handled(database, message, &trace);
    }
    Ok(!known.is_empty())
}

fn ids_where(batch: &Batch, wanted: impl Fn(&(&ReceivedMessage, &Outcome)) -> bool, outcomes: &[Outcome]) -> Vec<Uuid> {
    batch.messages.iter().zip(outcomes).filter(wanted).map(|(message, _)| message.id).collect()
}
