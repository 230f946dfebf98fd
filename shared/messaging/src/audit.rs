//! What operators did, when, and what it changed: written in the transaction that did it, never rewritten.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, query, query_as};
use utoipa::ToSchema;
use uuid::Uuid;

/// Who acts, as claimed: the token says that they may, not who they are.
#[derive(Clone, Debug)]
pub struct Operator(pub String);

/// An action, to be written down.
#[derive(Clone, Debug)]
pub(crate) struct Action<'a> {
    /// The parked message; none for an action on the whole service.
    pub event_id: Option<Uuid>,
    pub name: &'static str,
    pub reason: Option<&'a str>,
    pub before: Value,
    pub after: Value,
}

/// A line of the trail.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Entry {
    /// The operator, as claimed.
    pub operator: String,
    /// `retry`, `edit`, `discard`, `replay` or `republish`.
    pub action: String,
    /// Why, if the operator had to say so.
    pub reason: Option<String>,
    /// What was changed, as it was.
    #[schema(value_type = Object)]
    pub before: Option<Value>,
    /// What was changed, as it is since then.
    #[schema(value_type = Object)]
    pub after: Option<Value>,
    /// When.
    pub at: Timestamp,
}

/// Writes `action` of `operator` down, in the transaction that does it.
pub(crate) async fn write(
    sql: &mut PgConnection,
    now: Timestamp,
    operator: &Operator,
    action: Action<'_>,
) -> Result<(), sqlx::Error> {
    query!(
        "INSERT INTO audit (event_id, operator, action, reason, before, after, at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        action.event_id,
        operator.0,
        action.name,
        action.reason,
        action.before,
        action.after,
        jiff_sqlx::Timestamp::from(now) as _,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// Writes down that `operator` has done the same to many messages: each with how it was, and how all are now.
pub(crate) async fn write_all(
    sql: &mut PgConnection,
    now: Timestamp,
    operator: &Operator,
    (name, reason): (&'static str, Option<&str>),
    before: &[(Uuid, Value)],
    after: Value,
) -> Result<(), sqlx::Error> {
    let (ids, before): (Vec<_>, Vec<_>) = before.iter().cloned().unzip();
    query!(
        "INSERT INTO audit (event_id, operator, action, reason, before, after, at)
         SELECT event_id, $3, $4, $5, before, $6, $7 FROM unnest($1::uuid[], $2::json[]) AS changed (event_id, before)",
        &ids,
        &before,
        operator.0,
        name,
        reason,
        after,
        jiff_sqlx::Timestamp::from(now) as _,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// What was done to a message, oldest first.
pub(crate) async fn of(sql: &mut PgConnection, event_id: Uuid) -> Result<Vec<Entry>, sqlx::Error> {
    query_as!(
        Entry,
        "SELECT operator, action, reason, before, after, at FROM audit WHERE event_id = $1 ORDER BY seq LIMIT 1000",
        event_id,
    )
    .fetch_all(sql)
    .await
}
