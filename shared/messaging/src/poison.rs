//! Messages that may have killed the process: redelivered ones, and parked ones whose last attempt has no end, counted each
//! time their handling begins.
//!
//! The broker counts deliveries too, but a crash raises its count for every message that was unsettled; it can't tell
//! the killer from its neighbours. Such a message runs alone, so this count can.

use sqlx::{PgConnection, query, query_scalar};
use uuid::Uuid;

use crate::database::Database;

/// The beginning at which a message is given up instead of handled.
pub const GIVE_UP_AT: i32 = 3;

/// Commits that handling `event_id` begins, and gives how often it has begun by now. 0: it was handled already.
pub async fn begin(database: &Database, event_id: Uuid) -> Result<i32, sqlx::Error> {
    let mut transaction = database.begin().await?;
    let begun = query_scalar!(
        "INSERT INTO poison (event_id, begun)
         SELECT $1, 1 WHERE NOT EXISTS (SELECT FROM inbox WHERE event_id = $1 AND done_at IS NOT NULL)
         ON CONFLICT (event_id) DO UPDATE SET begun = poison.begun + 1
         RETURNING begun",
        event_id,
    )
    .fetch_optional(transaction.sql())
    .await?;
    transaction.commit().await?;
    Ok(begun.unwrap_or(0))
}

/// The process has lived through the handling of `event_id`, however it ended: what counts is deaths in a row.
pub async fn survived(database: &Database, event_id: Uuid) -> Result<(), sqlx::Error> {
    let mut transaction = database.begin().await?;
    clear(transaction.sql(), &[event_id]).await?;
    transaction.commit().await
}

/// They were handled, or parked: no poison.
pub(crate) async fn clear(sql: &mut PgConnection, event_ids: &[Uuid]) -> Result<(), sqlx::Error> {
    query!("DELETE FROM poison WHERE event_id = ANY($1)", event_ids).execute(sql).await?;
    Ok(())
}
