//! The SQL of flows as a whole: which to look at, what came of it, lists.

use flow::{Evaluated, Flow, State};
use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use sqlx::{PgConnection, PgPool, query, query_as, query_scalar, types::Json};
use uuid::Uuid;

/// A flow that is to be looked at, and what it amounted to the last time.
#[derive(Debug)]
pub struct Stale {
    pub correlation_id: Uuid,
    pub known: Option<Json<Flow>>,
}

/// A flow as the list shows it.
#[derive(Debug)]
pub struct Listed {
    pub flow: Json<Flow>,
    /// The number of its latest change.
    pub change: i64,
    pub began_at: Timestamp,
}

/// Where a list goes on: after this flow, in the order of newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    pub began_at: Timestamp,
    pub correlation_id: Uuid,
}

/// Locks flows of which something is new; those that somebody else has just locked are left for later.
pub async fn lock_dirty(sql: &mut PgConnection, limit: i64) -> Result<Vec<Stale>, sqlx::Error> {
    query_as!(
        Stale,
        r#"SELECT correlation_id, summary AS "known: Json<Flow>" FROM flows WHERE dirty LIMIT $1 FOR UPDATE SKIP LOCKED"#,
        limit,
    )
    .fetch_all(sql)
    .await
}

/// Locks flows in which a step is due by `now`.
pub async fn lock_due(sql: &mut PgConnection, now: Timestamp, limit: i64) -> Result<Vec<Stale>, sqlx::Error> {
    query_as!(
        Stale,
        r#"SELECT correlation_id, summary AS "known: Json<Flow>" FROM flows WHERE due_at <= $1 ORDER BY due_at LIMIT $2
           FOR UPDATE SKIP LOCKED"#,
        SqlTimestamp::from(now) as _,
        limit,
    )
    .fetch_all(sql)
    .await
}

/// Keeps what the flows amount to. Each that has changed gets a number, in the order of commits: whoever has seen one
/// number misses none below it. The row `changes` is locked until the commit for that.
pub async fn save(sql: &mut PgConnection, changed: &[Evaluated], same: &[Evaluated]) -> Result<i64, sqlx::Error> {
    let count = i64::try_from(changed.len()).unwrap_or(i64::MAX);
    let last = query_scalar!("UPDATE changes SET last = last + $1 RETURNING last", count).fetch_one(&mut *sql).await?;
    write(sql, changed, last - count).await?;
    let (ids, due): (Vec<_>, Vec<_>) = same.iter().map(|one| (one.flow.correlation_id, due(one))).unzip();
    query!(
        "UPDATE flows SET dirty = false, due_at = new.due_at
         FROM unnest($1::uuid[], $2::timestamptz[]) AS new (correlation_id, due_at)
         WHERE flows.correlation_id = new.correlation_id",
        &ids,
        &due as _,
    )
    .execute(sql)
    .await?;
    Ok(last)
}

async fn write(sql: &mut PgConnection, flows: &[Evaluated], before: i64) -> Result<(), sqlx::Error> {
    let ids: Vec<_> = flows.iter().map(|one| one.flow.correlation_id).collect();
    let states: Vec<_> = flows.iter().map(|one| one.flow.state.as_str().to_owned()).collect();
    let began: Vec<_> = flows.iter().map(|one| SqlTimestamp::from(one.flow.began_at)).collect();
    let since: Vec<_> = flows.iter().map(|one| SqlTimestamp::from(one.flow.since)).collect();
    let due: Vec<_> = flows.iter().map(due).collect();
    let summaries: Vec<_> = flows.iter().map(|one| Json(&one.flow)).collect();
    query!(
        "UPDATE flows SET dirty = false, state = new.state, began_at = new.began_at, since = new.since,
                          due_at = new.due_at, summary = new.summary, change = $7 + new.number
         FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::jsonb[])
              WITH ORDINALITY AS new (correlation_id, state, began_at, since, due_at, summary, number)
         WHERE flows.correlation_id = new.correlation_id",
        &ids,
        &states,
        &began as _,
        &since as _,
        &due as _,
        &summaries as _,
        before,
    )
    .execute(sql)
    .await?;
    Ok(())
}

fn due(evaluated: &Evaluated) -> Option<SqlTimestamp> {
    evaluated.due_at.map(SqlTimestamp::from)
}

/// Flows that began at `since` or later, newest first. In two statements, as each has an index of its own.
pub async fn list(
    pool: &PgPool,
    state: Option<State>,
    since: Timestamp,
    after: After,
    limit: i64,
) -> Result<Vec<Listed>, sqlx::Error> {
    let (since, before) = (SqlTimestamp::from(since), SqlTimestamp::from(after.began_at));
    macro_rules! listed {
        ($sql:literal $(, $argument:expr)*) => {{
            let rows = query!(
                r#"SELECT summary AS "flow!: Json<Flow>", change, began_at FROM flows
                   WHERE summary IS NOT NULL AND began_at >= $1 AND (began_at, correlation_id) < ($2, $3)"# + $sql +
                " ORDER BY began_at DESC, correlation_id DESC LIMIT $4",
                since as _, before as _, after.correlation_id, limit $(, $argument)*
            ).fetch_all(pool).await?;
            rows.into_iter()
                .map(|row| Listed { flow: row.flow, change: row.change, began_at: row.began_at.to_jiff() })
                .collect()
        }};
    }
    Ok(if let Some(state) = state { listed!(" AND state = $5", state.as_str()) } else { listed!("") })
}

/// Flows that have changed after the number `change`, in that order.
pub async fn changed_after(pool: &PgPool, change: i64, limit: i64) -> Result<Vec<Listed>, sqlx::Error> {
    let rows = query!(
        r#"SELECT summary AS "flow!: Json<Flow>", change, began_at FROM flows
           WHERE change > $1 ORDER BY change LIMIT $2"#,
        change,
        limit,
    )
    .fetch_all(pool)
    .await?;
    let listed = |flow, change, began_at: SqlTimestamp| Listed { flow, change, began_at: began_at.to_jiff() };
    Ok(rows.into_iter().map(|row| listed(row.flow, row.change, row.began_at)).collect())
}

/// The number of the latest change.
pub async fn last_change(pool: &PgPool) -> Result<i64, sqlx::Error> {
    query_scalar!("SELECT last FROM changes").fetch_one(pool).await
}

/// Stuck flows about which services have not been asked since `before`: the longest unasked first. They count as asked.
pub async fn take_to_ask(
    sql: &mut PgConnection,
    before: Timestamp,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Flow>, sqlx::Error> {
    let rows = query_scalar!(
        r#"UPDATE flows SET asked_at = $2
           WHERE correlation_id IN (
               SELECT correlation_id FROM flows
               WHERE state = 'stuck' AND summary IS NOT NULL AND (asked_at IS NULL OR asked_at < $1)
               ORDER BY asked_at NULLS FIRST LIMIT $3 FOR UPDATE SKIP LOCKED)
           RETURNING summary AS "flow!: Json<Flow>""#,
        SqlTimestamp::from(before) as _,
        SqlTimestamp::from(now) as _,
        limit,
    )
    .fetch_all(sql)
    .await?;
    Ok(rows.into_iter().map(|Json(flow)| flow).collect())
}

/// How many flows there are in a state that needs attention, and how many came to an end since `since`.
#[derive(Debug, Default)]
pub struct Counts {
    pub running: i64,
    pub stuck: i64,
    pub began: i64,
    pub done: i64,
    pub compensated: i64,
}

/// Counts flows.
pub async fn counts(pool: &PgPool, since: Timestamp) -> Result<Counts, sqlx::Error> {
    let since = SqlTimestamp::from(since);
    let row = query!(
        r#"SELECT (SELECT count(*) FROM flows WHERE state = 'running') AS "running!",
                  (SELECT count(*) FROM flows WHERE state = 'stuck') AS "stuck!",
                  (SELECT count(*) FROM flows WHERE began_at > $1) AS "began!",
                  (SELECT count(*) FROM flows WHERE since > $1 AND state = 'done') AS "done!",
                  (SELECT count(*) FROM flows WHERE since > $1 AND state = 'compensated') AS "compensated!""#,
        since as _,
    )
    .fetch_one(pool)
    .await?;
    let (running, stuck) = (row.running, row.stuck);
    Ok(Counts { running, stuck, began: row.began, done: row.done, compensated: row.compensated })
}

/// How many flows that began at `since` or later stand how.
pub async fn tally(pool: &PgPool, since: Timestamp) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let rows = query!(
        r#"SELECT state, count(*) AS "count!" FROM flows WHERE began_at >= $1 GROUP BY state"#,
        SqlTimestamp::from(since) as _,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.state, row.count)).collect())
}

/// How many flows have not ended, by state.
pub async fn incomplete(pool: &PgPool) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let rows =
        query!(r#"SELECT state, count(*) AS "count!" FROM flows WHERE state IN ('running', 'stuck') GROUP BY state"#,)
            .fetch_all(pool)
            .await?;
    Ok(rows.into_iter().map(|row| (row.state, row.count)).collect())
}

/// How many steps are overdue, by the service that should have done them.
pub async fn overdue_steps(pool: &PgPool) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let rows = query!(
        r#"SELECT step ->> 'service' AS "service!", count(*) AS "count!"
           FROM flows, jsonb_array_elements(summary -> 'overdue') AS step
           WHERE state = 'stuck' GROUP BY 1"#,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.service, row.count)).collect())
}

/// Deletes flows that ended and began before `old`, with all that was kept of them; gives how many.
pub async fn forget(sql: &mut PgConnection, old: Timestamp, limit: i64) -> Result<u64, sqlx::Error> {
    let forgotten = query_scalar!(
        r#"WITH old AS (
               DELETE FROM flows WHERE correlation_id IN (
                   SELECT correlation_id FROM flows
                   WHERE began_at < $1 AND state IN ('done', 'compensated') AND NOT dirty
                   ORDER BY began_at LIMIT $2 FOR UPDATE SKIP LOCKED)
               RETURNING correlation_id),
           events AS (DELETE FROM events USING old WHERE events.correlation_id = old.correlation_id),
           delivery_statuses AS (DELETE FROM delivery_statuses USING old WHERE delivery_statuses.correlation_id = old.correlation_id)
           SELECT count(*) AS "count!" FROM old"#,
        SqlTimestamp::from(old) as _,
        limit,
    )
    .fetch_one(sql)
    .await?;
    Ok(forgotten.unsigned_abs())
}

/// How many events of each type were recorded since `since`.
pub async fn rates(pool: &PgPool, since: Timestamp) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let rows = query!(
        r#"SELECT event_type, count(*) AS "count!" FROM events WHERE seen_at > $1 GROUP BY event_type"#,
        SqlTimestamp::from(since) as _,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.event_type, row.count)).collect())
}
