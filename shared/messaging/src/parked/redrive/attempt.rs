//! The innermost service of the re-driver's stack: owns the transaction.

use std::collections::HashSet;

use sqlx::{query, query_scalar, types::Text};
use tower::service_fn;
use uuid::Uuid;

use crate::{
    database::Database,
    failpoint::{Failpoint, hit},
    failure::Failure,
    handler::Handlers,
    message::{Batch, Outcome, ReceivedMessage},
    middleware::BatchService,
    parked::state::State,
    processing::{handle_in_span, say_handled},
    unit_of_work::UnitOfWork,
};

/// Handles messages that were parked. Not through the inbox's ON CONFLICT: each has its row there since it was parked, and
/// would be dropped as a duplicate.
#[derive(Clone)]
pub(super) struct Attempt {
    database: Database,
    handlers: Handlers,
}

impl Attempt {
    pub(super) fn new(database: Database, handlers: Handlers) -> Self {
        Self { database, handlers }
    }

    pub(super) fn service(self) -> impl BatchService {
        service_fn(move |batch| self.clone().handle(batch))
    }

    async fn handle(self, batch: Batch) -> Result<Vec<Outcome>, Failure> {
        let mut tx = self.database.begin().await?;
        let ours = lock(&mut tx, &batch.messages).await?;
        let mut outcomes = Vec::with_capacity(batch.messages.len());
        for message in &batch.messages {
            outcomes.push(if ours.contains(&message.id) {
                let service = self.database.service;
                handle_in_span(&self.handlers, &mut tx, message, message.decoded()?, service).await?
            } else {
                Outcome::AlreadyHandled
            });
        }
        resolve(&mut tx, &ours).await?;
        tx.commit().await?;
        hit(Failpoint::Committed).await;
        for (message, outcome) in batch.messages.iter().zip(&outcomes) {
            if let (Some(meta), Outcome::Handled { local, took }) = (message.meta(), outcome) {
                message.span.in_scope(|| say_handled(&self.database, &meta, *local, *took));
            }
        }
        Ok(outcomes)
    }
}

/// Those of `messages` that still wait as they were taken: an operator may have corrected or discarded some since.
async fn lock(tx: &mut UnitOfWork, messages: &[ReceivedMessage]) -> Result<HashSet<Uuid>, sqlx::Error> {
    let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    let bodies: Vec<_> = messages.iter().map(|message| message.body.to_vec()).collect();
    let ours = query_scalar!(
        "SELECT event_id FROM parked
         WHERE (event_id, body) IN (SELECT * FROM unnest($1::uuid[], $2::bytea[])) AND state = $3
         ORDER BY seq FOR UPDATE",
        &ids,
        &bodies,
        Text(State::Waiting) as _,
    )
    .fetch_all(tx.sql())
    .await?;
    Ok(ours.into_iter().collect())
}

/// They are done; the next one of each subject becomes the head.
async fn resolve(tx: &mut UnitOfWork, ids: &HashSet<Uuid>) -> Result<(), sqlx::Error> {
    let ids: Vec<_> = ids.iter().copied().collect();
    let now = jiff_sqlx::Timestamp::from(tx.now());
    query!(
        "UPDATE parked SET state = $2, resolved_at = $3, next_attempt_at = NULL WHERE event_id = ANY($1)",
        &ids,
        Text(State::Done) as _,
        now as _,
    )
    .execute(tx.sql())
    .await?;
    query!("UPDATE inbox SET done_at = $2 WHERE event_id = ANY($1)", &ids, now as _).execute(tx.sql()).await?;
    Ok(())
}
