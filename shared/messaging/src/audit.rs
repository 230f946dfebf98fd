//! What operators did, when, and what it changed: written in the transaction that did it, never rewritten.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgConnection, types::Json};
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
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
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
    sqlx::query(
        "INSERT INTO audit (event_id, operator, action, reason, before, after, at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(action.event_id)
    .bind(&operator.0)
    .bind(action.name)
    .bind(action.reason)
    .bind(Json(action.before))
    .bind(Json(action.after))
    .bind(jiff_sqlx::Timestamp::from(now))
    .execute(sql)
    .await?;
    Ok(())
}

/// What was done to a message, oldest first.
pub(crate) async fn of(sql: &mut PgConnection, event_id: Uuid) -> Result<Vec<Entry>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT operator, action, reason, before, after, at FROM audit WHERE event_id = $1 ORDER BY seq LIMIT 1000",
    )
    .bind(event_id)
    .fetch_all(sql)
    .await?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

#[derive(FromRow)]
struct Row {
    operator: String,
    action: String,
    reason: Option<String>,
    before: Option<Json<Value>>,
    after: Option<Json<Value>>,
    at: jiff_sqlx::Timestamp,
}

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        let Row { operator, action, reason, before, after, at } = row;
        let json = |value: Option<Json<Value>>| value.map(|Json(value)| value);
        Self { operator, action, reason, before: json(before), after: json(after), at: at.to_jiff() }
    }
}
