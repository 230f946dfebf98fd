//! The same done to many parked messages, in transactions of some hundred each: a million takes minutes, and says meanwhile
//! how far it has come.

use serde_json::{Value, json};
use sqlx::{query, types::Text};
use uuid::Uuid;

use super::record::{self, Filter, Summary};
use crate::{
    audit::{self, Operator},
    database::Database,
    parked::state::State,
    unit_of_work::UnitOfWork,
};

/// How many messages one transaction changes at most.
const STEP: i64 = 500;

/// What is done to a parked message.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is due now; its time limit and its delays begin anew.
    Retry,
    /// It is given up.
    Discard {
        /// Why, for the audit trail.
        reason: String,
    },
}

impl Change {
    /// What a message is after it: `retried` or `discarded`.
    pub fn done_is(&self) -> &'static str {
        match self {
            Self::Retry => "retried",
            Self::Discard { .. } => "discarded",
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Discard { .. } => "discard",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Retry => None,
            Self::Discard { reason } => Some(reason),
        }
    }
}

/// A change to all messages that a filter selects: heads only if they are retried, what is behind them follows by itself.
/// What is being tried at this moment is left out.
#[derive(Debug)]
pub struct Bulk {
    database: Database,
    filter: Filter,
    /// What it does.
    pub change: Change,
    operator: Operator,
    /// Where it is: oldest first if it retries; newest first if it discards, so that nothing becomes a head before its turn.
    position: i64,
    /// So many until now.
    pub changed: u64,
}

impl Bulk {
    pub(super) fn new(database: Database, filter: Filter, change: Change, operator: Operator) -> Self {
        let position = match change {
            Change::Retry => 0,
            Change::Discard { .. } => i64::MAX,
        };
        Self { database, filter, change, operator, position, changed: 0 }
    }

    /// Changes some more; `false` if there was nothing left.
    pub async fn step(&mut self) -> Result<bool, sqlx::Error> {
        let mut tx = self.database.begin().await?;
        let some = match self.change {
            Change::Retry => record::lock_heads(tx.sql(), &self.filter, self.position, STEP).await?,
            Change::Discard { .. } => record::lock_unresolved(tx.sql(), &self.filter, self.position, STEP).await?,
        };
        let Some(last) = some.last() else { return Ok(false) };
        let position = last.seq;
        let ids: Vec<_> = some.iter().map(|summary| summary.event_id).collect();
        let after = change(&mut tx, &ids, &self.change).await?;
        let before: Vec<_> = some.iter().map(|summary| (summary.event_id, shown(summary))).collect();
        let now = tx.now();
        let what = (self.change.name(), self.change.reason());
        audit::write_all(tx.sql(), now, &self.operator, what, &before, after).await?;
        tx.commit().await?;
        self.position = position;
        self.changed += ids.len() as u64;
        self.database.wake_ups.redriver.notify_one();
        Ok(true)
    }
}

fn shown(summary: &Summary) -> Value {
    json!({ "state": summary.state, "next_attempt_at": summary.next_attempt_at })
}

/// Changes messages that are locked, and gives how they are now.
pub(super) async fn change(tx: &mut UnitOfWork, event_ids: &[Uuid], change: &Change) -> Result<Value, sqlx::Error> {
    let now = tx.now();
    let at = jiff_sqlx::Timestamp::from(now);
    let (state, next_attempt_at) = match change {
        Change::Retry => (State::Waiting, Some(now)),
        Change::Discard { .. } => (State::Discarded, None),
    };
    let changed = match change {
        Change::Retry => query!(
            "UPDATE parked SET state = $2, next_attempt_at = $3, tried_since = $3, tries = 0 WHERE event_id = ANY($1)",
            event_ids,
            Text(state) as _,
            at as _,
        ),
        Change::Discard { .. } => query!(
            "UPDATE parked SET state = $2, resolved_at = $3, next_attempt_at = NULL WHERE event_id = ANY($1)",
            event_ids,
            Text(state) as _,
            at as _,
        ),
    };
    changed.execute(tx.sql()).await?;
    Ok(json!({ "state": state, "next_attempt_at": next_attempt_at }))
}
