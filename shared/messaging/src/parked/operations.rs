//! What operators see of parked messages, and what they may do about them.
//!
//! Nothing here handles a message. A retry makes it due, and the [re-driver](super::redrive) of this service, and of no
//! other, tries it in its turn; what waits behind it follows. Each action is one transaction with its line in the
//! [audit trail](super::audit).

use event::Envelope;
use serde_json::json;
use sqlx::{query, query_scalar};
use thiserror::Error;
use uuid::Uuid;

use crate::{
    audit::{self, Action, Operator},
    database::Database,
    failure::{Failure, FieldError},
    handler::Handlers,
    unit_of_work::UnitOfWork,
};

mod bulk;
mod record;

pub use super::state::State;
use bulk::change;
pub use bulk::{Bulk, Change};
use record::shown;
pub use record::{Attempt, Filter, Record, Summary};

/// Why an action was not done.
#[derive(Debug, Error)]
pub enum Refusal {
    /// No such message is parked here.
    #[error("no such message is parked here")]
    Unknown,
    /// It is done or discarded: there is nothing to do about it any more.
    #[error("this message is {0} already")]
    Resolved(State),
    /// Another message of its subject comes first.
    #[error("this message waits behind {0}: act on that one")]
    Behind(Uuid),
    /// The corrected event is none, or is another one.
    #[error("the corrected event can't take the place of this one")]
    NotThisEvent(Vec<FieldError>),
    /// The database's fault.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The parked messages of one service, for its operators.
#[derive(Clone, Debug)]
pub struct ParkedOperations {
    database: Database,
    handlers: Handlers,
}

impl ParkedOperations {
    /// What is parked in `database`; `handlers` say what a corrected event must parse as.
    pub fn new(database: Database, handlers: Handlers) -> Self {
        Self { database, handlers }
    }

    /// At most `limit` messages that `filter` selects, newest first, beginning before the position `before`.
    pub async fn list(&self, filter: &Filter, before: Option<i64>, limit: i64) -> Result<Vec<Summary>, sqlx::Error> {
        let mut tx = self.database.begin().await?;
        record::list(tx.sql(), filter, before, limit).await
    }

    /// Everything that is known of one message.
    pub async fn show(&self, event_id: Uuid) -> Result<Record, Refusal> {
        let mut tx = self.database.begin().await?;
        let kept = record::find(tx.sql(), event_id).await?.ok_or(Refusal::Unknown)?;
        let attempts = record::attempts(tx.sql(), event_id).await?;
        let waits_behind = first_of(&mut tx, &kept.summary).await?;
        let audit = audit::of(tx.sql(), event_id).await?;
        Ok(Record::new(kept, waits_behind, attempts, audit))
    }

    /// Makes a message due now, its time limit and its delays begin anew.
    pub async fn retry(&self, event_id: Uuid, operator: &Operator) -> Result<Summary, Refusal> {
        let mut tx = self.database.begin().await?;
        let before = self.lock(&mut tx, event_id).await?;
        if before.state == State::Behind {
            let first = first_of(&mut tx, &before).await?;
            return Err(Refusal::Behind(first.unwrap_or(event_id)));
        }
        change(&mut tx, &[event_id], &Change::Retry).await?;
        let after = self.note(&mut tx, operator, "retry", None, &before).await?;
        tx.commit().await?;
        self.database.wake_ups.redriver.notify_one();
        Ok(after)
    }

    /// Puts a corrected event in the place of a message's body; it is tried again when it is retried. The id, the type and
    /// the subject stay what they are, the original is kept.
    pub async fn edit(&self, event_id: Uuid, body: Vec<u8>, operator: &Operator) -> Result<Summary, Refusal> {
        let mut tx = self.database.begin().await?;
        let before = self.lock(&mut tx, event_id).await?;
        let subject = self.check(&before, &body).map_err(Refusal::NotThisEvent)?;
        let old = record::find(tx.sql(), event_id).await?.ok_or(Refusal::Unknown)?;
        query!(
            "UPDATE parked SET original = coalesce(original, body), body = $2, subject = $3 WHERE event_id = $1",
            event_id,
            body,
            subject,
        )
        .execute(tx.sql())
        .await?;
        let now = tx.now();
        let (was, is) = (json!({ "event": shown(&old.body) }), json!({ "event": shown(&body) }));
        let action = Action { event_id: Some(event_id), name: "edit", reason: None, before: was, after: is };
        audit::write(tx.sql(), now, operator, action).await?;
        let after = record::find(tx.sql(), event_id).await?.ok_or(Refusal::Unknown)?.summary;
        tx.commit().await?;
        Ok(after)
    }

    /// Does `change` to all that `filter` selects, step by step.
    pub fn bulk(&self, filter: Filter, change: Change, operator: &Operator) -> Bulk {
        Bulk::new(self.database.clone(), filter, change, operator.clone())
    }

    /// Gives a message up, for a reason; what waits behind it follows.
    pub async fn discard(&self, event_id: Uuid, reason: &str, operator: &Operator) -> Result<Summary, Refusal> {
        let mut tx = self.database.begin().await?;
        let before = self.lock(&mut tx, event_id).await?;
        change(&mut tx, &[event_id], &Change::Discard { reason: reason.to_owned() }).await?;
        let after = self.note(&mut tx, operator, "discard", Some(reason), &before).await?;
        tx.commit().await?;
        self.database.wake_ups.redriver.notify_one();
        Ok(after)
    }

    /// The message, locked, if there is still something to do about it.
    async fn lock(&self, tx: &mut UnitOfWork, event_id: Uuid) -> Result<Summary, Refusal> {
        let summary = record::lock(tx.sql(), event_id).await?.ok_or(Refusal::Unknown)?;
        match summary.state {
            State::Done | State::Discarded => Err(Refusal::Resolved(summary.state)),
            State::Waiting | State::Behind | State::Dead => Ok(summary),
        }
    }

    async fn note(
        &self,
        tx: &mut UnitOfWork,
        operator: &Operator,
        name: &'static str,
        reason: Option<&str>,
        before: &Summary,
    ) -> Result<Summary, sqlx::Error> {
        let found = record::find(tx.sql(), before.event_id).await?.ok_or(sqlx::Error::RowNotFound)?;
        let now = tx.now();
        let state = |of: &Summary| json!({ "state": of.state, "next_attempt_at": of.next_attempt_at });
        let (was, is) = (state(before), state(&found.summary));
        let action = Action { event_id: Some(before.event_id), name, reason, before: was, after: is };
        audit::write(tx.sql(), now, operator, action).await?;
        Ok(found.summary)
    }

    /// Whose the corrected event is, if it may take the place of `parked`.
    fn check(&self, parked: &Summary, body: &[u8]) -> Result<Uuid, Vec<FieldError>> {
        let wrong = |field: &str, detail: String| FieldError { field: field.into(), detail };
        let envelope: Envelope =
            serde_json::from_slice(body).map_err(|error| vec![wrong("event", error.to_string())])?;
        let mut problems = Vec::new();
        if envelope.id != parked.event_id {
            problems.push(wrong("id", format!("may not change: it is {}", parked.event_id)));
        }
        if parked.subject.is_some_and(|subject| subject != envelope.subject) {
            problems.push(wrong("subject", "may not change: the message belongs to its subject".into()));
        }
        match self.handlers.check(&envelope) {
            _ if envelope.event_type != parked.event_type => {
                problems.push(wrong("type", format!("may not change: it is {}", parked.event_type)));
            }
            Ok(()) => {}
            Err(Failure::Undecodable(reason)) => problems.push(wrong("data", reason)),
            Err(failure) => problems.push(wrong("type", failure.to_string())),
        }
        if problems.is_empty() { Ok(envelope.subject) } else { Err(problems) }
    }
}

/// The head of the same subject, if that is another one.
async fn first_of(tx: &mut UnitOfWork, summary: &Summary) -> Result<Option<Uuid>, sqlx::Error> {
    if summary.state != State::Behind {
        return Ok(None);
    }
    query_scalar!("SELECT event_id FROM parked WHERE subject = $1 AND state IN ('waiting', 'dead')", summary.subject,)
        .fetch_optional(tx.sql())
        .await
}
