//! Where replays have been, in the table `replays`.

use std::collections::HashSet;

use serde_json::json;
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use super::plan::{Plan, Progress};
use crate::{
    audit::{self, Action, Operator},
    database::Database,
};

struct Checkpoint {
    next_offset: Option<i64>,
    new: i64,
    already_handled: i64,
    parked: i64,
}

/// Writes the replay down; gives where an interrupted one has been.
pub async fn begin(database: &Database, plan: &Plan, operator: &Operator) -> Result<Progress, sqlx::Error> {
    if plan.dry_run {
        return Ok(Progress::default());
    }
    let mut tx = database.begin().await?;
    let (owner, event_type, since, muted) = plan.key();
    let saved = query_as!(
        Checkpoint,
        "INSERT INTO replays AS known (owner, event_type, since, muted) VALUES ($1, $2, $3, $4)
         ON CONFLICT (owner, event_type, since, muted) DO UPDATE SET next_offset = known.next_offset
         RETURNING next_offset, new, already_handled, parked",
        owner,
        event_type,
        since,
        muted,
    )
    .fetch_one(tx.sql())
    .await?;
    let now = tx.now();
    let after = json!({ "owner": owner, "event_type": event_type, "since": since, "muted": muted });
    let action = Action { event_id: None, name: "replay", reason: None, before: json!(null), after };
    audit::write(tx.sql(), now, operator, action).await?;
    tx.commit().await?;
    let Checkpoint { next_offset, new, already_handled, parked } = saved;
    Ok(Progress { next_offset, new, already_handled, parked, resumed: next_offset.is_some(), last_offset: None })
}

pub async fn save(database: &Database, plan: &Plan, progress: &Progress) -> Result<(), sqlx::Error> {
    let mut tx = database.begin().await?;
    let (owner, event_type, since, muted) = plan.key();
    query!(
        "UPDATE replays SET next_offset = $5, new = $6, already_handled = $7, parked = $8
         WHERE owner = $1 AND event_type = $2 AND since = $3 AND muted = $4",
        owner,
        event_type,
        since,
        muted,
        progress.next_offset,
        progress.new,
        progress.already_handled,
        progress.parked,
    )
    .execute(tx.sql())
    .await?;
    tx.commit().await
}

pub async fn forget(database: &Database, plan: &Plan) -> Result<(), sqlx::Error> {
    if plan.dry_run {
        return Ok(());
    }
    let mut tx = database.begin().await?;
    let (owner, event_type, since, muted) = plan.key();
    query!(
        "DELETE FROM replays WHERE owner = $1 AND event_type = $2 AND since = $3 AND muted = $4",
        owner,
        event_type,
        since,
        muted,
    )
    .execute(tx.sql())
    .await?;
    tx.commit().await
}

pub async fn count_parked(database: &Database, ids: &HashSet<Uuid>) -> Result<i64, sqlx::Error> {
    let ids: Vec<_> = ids.iter().copied().collect();
    query_scalar!(
        r#"SELECT count(*) AS "count!" FROM parked WHERE event_id = ANY($1) AND state IN ('waiting', 'behind', 'dead')"#,
        &ids,
    )
    .fetch_one(&database.pool)
    .await
}
