//! Catching up: what a service missed, it reads from the owners' histories and hands to the same handlers.
//!
//! A confirmed event is in its owner's stream even if nobody else was bound, so "published before my first bind" and
//! "my queue was lost" look alike, and every start begins here. The inbox knows what was handled; the rest follows in the
//! stream's order, which is the owner's order per subject across event types.

use sqlx::{PgConnection, query, query_as, query_scalar};
use uuid::Uuid;

use crate::database::Database;

pub(crate) mod end;
pub(crate) mod reader;
pub mod replay;

/// How far a history has been read; written in the transaction of the batch that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Whose history.
    pub owner: &'static str,
    /// The first offset that was not read.
    pub next_offset: i64,
    /// The event at `next_offset - 1`. If another is there next time, this is a younger stream: read it from the first.
    pub last_event_id: Option<Uuid>,
}

/// A row of the table `history`.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub next_offset: i64,
    pub last_event_id: Option<Uuid>,
    pub caught_up: bool,
    /// Whether what was there before it was bound is handled without mails and follow-ups.
    pub muted: bool,
    /// How often a reading has begun, this one included, since one last got on.
    pub begun: i32,
}

/// Held while a replica catches up, so that another waits instead of reading the same.
pub(crate) const CATCH_UP: &str = "pas-de-trois catch-up";
/// Held while an operator's replay runs.
pub(crate) const REPLAY: &str = "pas-de-trois replay";

/// Whether every history of `owners` was read to its end once: then there is nothing to catch up.
pub(crate) async fn are_caught_up(database: &Database, owners: &[&'static str]) -> Result<bool, sqlx::Error> {
    let owners: Vec<_> = owners.iter().map(|owner| (*owner).to_owned()).collect();
    query_scalar!(
        r#"SELECT NOT EXISTS (
               SELECT FROM unnest($1::text[]) AS owners (owner)
               WHERE NOT EXISTS (SELECT FROM history WHERE history.owner = owners.owner AND caught_up)
           ) AS "caught_up!""#,
        &owners,
    )
    .fetch_one(&database.pool)
    .await
}

/// Reads how far the history of `owner` has been read; from the beginning, and not caught up, if never or if the
/// service's queue is gone. Muted, if `mute`, is only the catch-up that begins here: restarts of it are as well.
pub(crate) async fn begin(
    database: &Database,
    owner: &'static str,
    queue_existed: bool,
    mute: bool,
) -> Result<Progress, sqlx::Error> {
    let mut tx = database.begin().await?;
    let progress = query_as!(
        Progress,
        "INSERT INTO history AS known (owner, next_offset, begun, caught_up, muted) VALUES ($1, 0, 1, false, $3)
         ON CONFLICT (owner) DO UPDATE
            SET begun = known.begun + 1, caught_up = known.caught_up AND $2, muted = known.muted AND NOT known.caught_up
         RETURNING next_offset, last_event_id, begun, caught_up, muted",
        owner,
        queue_existed,
        mute,
    )
    .fetch_one(tx.sql())
    .await?;
    tx.commit().await?;
    Ok(progress)
}

/// Moves the cursor, in the caller's transaction.
pub(crate) async fn advance(sql: &mut PgConnection, cursor: &Cursor) -> Result<(), sqlx::Error> {
    query!(
        "UPDATE history SET next_offset = $2, last_event_id = $3, begun = 0 WHERE owner = $1",
        cursor.owner,
        cursor.next_offset,
        cursor.last_event_id,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// Moves the cursor, in a transaction of its own.
pub(crate) async fn advance_alone(database: &Database, cursor: &Cursor) -> Result<(), sqlx::Error> {
    let mut tx = database.begin().await?;
    advance(tx.sql(), cursor).await?;
    tx.commit().await
}

/// The history was read to its end: from here on the service's queue has everything that this owner publishes.
pub(crate) async fn finish(database: &Database, owner: &str) -> Result<(), sqlx::Error> {
    let mut tx = database.begin().await?;
    query!("UPDATE history SET caught_up = true, begun = 0 WHERE owner = $1", owner).execute(tx.sql()).await?;
    tx.commit().await
}
