//! Publishing again what was published: for a broker that has lost what it had.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::{query, query_scalar};
use thiserror::Error;

use crate::{
    audit::{self, Action, Operator},
    database::Database,
};

/// Why nothing is published again.
#[derive(Debug, Error)]
pub enum RepublishError {
    /// Inboxes may have forgotten it.
    #[error(
        "an event of {oldest} is among them, and inboxes remember {inbox_days} days (INBOX_DAYS): it could be handled twice. \
         Begin later"
    )]
    Forgotten {
        /// When the oldest was recorded.
        oldest: Timestamp,
        /// For how many days inboxes remember.
        inbox_days: u32,
    },
    /// The database's fault.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Sets what was published at `from` or later back to unpublished, so that the relay sends it again under its ids; gives
/// how many events. For a broker that has lost what it had.
///
/// All rows in one transaction, while no relay claims: otherwise a subject's next event could be published between two
/// of its earlier ones.
///
/// Refused if one of them is older than what inboxes remember, by `inbox_days`: its effects would be repeated.
pub async fn republish(
    database: &Database,
    from: Timestamp,
    inbox_days: u32,
    operator: &Operator,
) -> Result<u64, RepublishError> {
    let mut tx = database.begin().await?;
    // Two statements, so not by a macro. However many rows they are; and a turn of the relay that has begun is waited for.
    sqlx::raw_sql("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '30s'").execute(tx.sql()).await?;
    super::lock_gate!("pg_advisory_xact_lock").fetch_one(tx.sql()).await?;
    let remembered_since = tx.now() - SignedDuration::from_hours(24 * i64::from(inbox_days));
    let oldest = query_scalar!(
        "SELECT min(recorded_at) FROM outbox WHERE published_at >= $1",
        jiff_sqlx::Timestamp::from(from) as _,
    )
    .fetch_one(tx.sql())
    .await?;
    if let Some(oldest) = oldest.map(jiff_sqlx::Timestamp::to_jiff).filter(|oldest| *oldest < remembered_since) {
        return Err(RepublishError::Forgotten { oldest, inbox_days });
    }
    let republished = query!(
        "UPDATE outbox SET published_at = NULL, attempts = 0, next_attempt_at = NULL WHERE published_at >= $1",
        jiff_sqlx::Timestamp::from(from) as _,
    )
    .execute(tx.sql())
    .await?;
    let rows = republished.rows_affected();
    let now = tx.now();
    let after = json!({ "from": from, "republished": rows });
    let action = Action { event_id: None, name: "republish", reason: None, before: json!(null), after };
    audit::write(tx.sql(), now, operator, action).await?;
    tx.commit().await?;
    database.wake_ups.relay.notify_one();
    Ok(rows)
}
