//! What is kept of a parked message, as operators see it, and the SQL that reads it.

use event::Envelope;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Kept, shown};
use crate::audit::Entry;

/// The state of a parked message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The first of its customer; it is tried again.
    Waiting,
    /// Waits for an earlier one of its customer.
    Behind,
    /// Needs a person.
    Dead,
    /// Its effect is committed.
    Done,
    /// Given up by an operator.
    Discarded,
}

impl State {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Behind => "behind",
            Self::Dead => "dead",
            Self::Done => "done",
            Self::Discarded => "discarded",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Behind, Self::Dead, Self::Done, Self::Discarded].into_iter().find(|s| s.as_str() == text)
    }
}

impl State {
    /// Whether there is nothing to do about it any more.
    pub fn is_resolved(self) -> bool {
        matches!(self, Self::Done | Self::Discarded)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which messages are meant; without a state, all that are neither done nor discarded.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<State>,
    /// Of this event type.
    pub event_type: Option<String>,
    /// Of this customer.
    pub subject: Option<Uuid>,
}

/// A parked message in a list: nothing personal.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// Its position here.
    #[serde(skip)]
    pub seq: i64,
    /// The event's id; of what is no event, one made of the message.
    pub event_id: Uuid,
    /// The exchange that it came through.
    pub event_type: String,
    /// Absent if it is undecodable: then it blocks nobody.
    pub subject: Option<Uuid>,
    /// How it is.
    pub state: State,
    /// The class of the last failure.
    pub reason: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it was parked.
    pub parked_at: Timestamp,
    /// When it is tried again, if it waits.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was done or discarded.
    pub resolved_at: Option<Timestamp>,
    /// Whether an operator has corrected it.
    pub edited: bool,
    /// Whether it is handled without mails and follow-ups.
    pub muted: bool,
}

impl FromRow<'_, PgRow> for Summary {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let time = |name: &str| -> Result<Option<Timestamp>, sqlx::Error> {
            Ok(row.try_get::<Option<jiff_sqlx::Timestamp>, _>(name)?.map(jiff_sqlx::Timestamp::to_jiff))
        };
        let state: String = row.try_get("state")?;
        Ok(Self {
            seq: row.try_get("seq")?,
            event_id: row.try_get("event_id")?,
            event_type: row.try_get("event_type")?,
            subject: row.try_get("key")?,
            state: State::parse(&state).ok_or_else(|| sqlx::Error::Decode(format!("no state: {state}").into()))?,
            reason: row.try_get("reason")?,
            attempts: row.try_get("attempts")?,
            parked_at: time("parked_at")?.ok_or(sqlx::Error::RowNotFound)?,
            next_attempt_at: time("next_attempt_at")?,
            resolved_at: time("resolved_at")?,
            edited: row.try_get("edited")?,
            muted: row.try_get("muted")?,
        })
    }
}

/// An attempt that failed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// 1 is the first; one that is missing ended with the process.
    pub number: i32,
    /// When.
    pub at: Timestamp,
    /// The class of the failure.
    pub reason: String,
    /// Its text, which may hold personal data.
    pub error: String,
}

impl FromRow<'_, PgRow> for Attempt {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let at: jiff_sqlx::Timestamp = row.try_get("at")?;
        let (reason, error) = (row.try_get("reason")?, row.try_get("error")?);
        Ok(Self { number: row.try_get("number")?, at: at.to_jiff(), reason, error })
    }
}

/// Everything that is known of a parked message; the event and the errors may hold personal data.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Record {
    /// As in a list.
    #[serde(flatten)]
    pub summary: Summary,
    /// The first message of its customer, which it waits for.
    pub waits_behind: Option<Uuid>,
    /// The flow that it belongs to, if it is an event.
    pub correlation_id: Option<Uuid>,
    /// The trace that it belongs to.
    pub trace_id: Option<String>,
    /// The text of the last failure.
    pub error: String,
    /// The event as it would be handled now; text if it is no JSON.
    #[schema(value_type = Object)]
    pub event: Value,
    /// The event as it was delivered, if it was corrected since.
    #[schema(value_type = Object)]
    pub original: Option<Value>,
    /// Every attempt that failed, oldest first.
    pub failures: Vec<Attempt>,
    /// What operators did, oldest first.
    pub audit: Vec<Entry>,
}

impl Record {
    pub(super) fn new(kept: Kept, waits_behind: Option<Uuid>, attempts: Vec<Attempt>, audit: Vec<Entry>) -> Self {
        let envelope: Option<Envelope> = serde_json::from_slice(&kept.body).ok();
        Self {
            waits_behind,
            correlation_id: envelope.as_ref().map(|envelope| envelope.correlation_id),
            trace_id: envelope.as_ref().and_then(|envelope| envelope.trace.trace_id()),
            error: kept.error,
            event: shown(&kept.body),
            original: kept.original.as_deref().map(shown),
            summary: kept.summary,
            failures: attempts,
            audit,
        }
    }
}

/// The columns of a [`Summary`]; a macro, because SQL is put together when this is compiled.
macro_rules! summary {
    () => {
        "seq, event_id, event_type, key, state, reason, attempts, parked_at, next_attempt_at, resolved_at, \
         original IS NOT NULL AS edited, muted"
    };
}

/// A filter's conditions: `$1` the state, `$2` the event type, `$3` the customer.
macro_rules! filtered {
    () => {
        "($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR event_type = $2) AND ($3::uuid IS NULL OR key = $3)"
    };
}

pub async fn list(
    sql: &mut PgConnection,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Summary>, sqlx::Error> {
    // What is resolved is kept for long: the partial index finds the few that are not.
    let any =
        concat!("SELECT ", summary!(), " FROM parked WHERE ", filtered!(), " AND seq < $4 ORDER BY seq DESC LIMIT $5");
    let unresolved = concat!(
        "SELECT ",
        summary!(),
        " FROM parked WHERE state IN ('waiting', 'behind', 'dead') AND ",
        filtered!(),
        " AND seq < $4 ORDER BY seq DESC LIMIT $5"
    );
    let resolved = filter.state.is_some_and(State::is_resolved);
    sqlx::query_as(if resolved { any } else { unresolved })
        .bind(filter.state.map(State::as_str))
        .bind(&filter.event_type)
        .bind(filter.subject)
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(sql)
        .await
}

/// Messages that nobody comes before, in their order, from after the position `after` on; locked. Not those that are being
/// tried at this moment: they have what a retry would give them.
pub async fn lock_retriable(
    sql: &mut PgConnection,
    filter: &Filter,
    after: i64,
    limit: i64,
) -> Result<Vec<Summary>, sqlx::Error> {
    let query = concat!(
        "SELECT ",
        summary!(),
        " FROM parked WHERE state IN ('waiting', 'dead') AND ",
        filtered!(),
        " AND seq > $4 ORDER BY seq LIMIT $5 FOR UPDATE SKIP LOCKED"
    );
    sqlx::query_as(query)
        .bind(filter.state.map(State::as_str))
        .bind(&filter.event_type)
        .bind(filter.subject)
        .bind(after)
        .bind(limit)
        .fetch_all(sql)
        .await
}

pub async fn lock(sql: &mut PgConnection, event_id: Uuid) -> Result<Option<Summary>, sqlx::Error> {
    let query = concat!("SELECT ", summary!(), " FROM parked WHERE event_id = $1 FOR UPDATE");
    sqlx::query_as(query).bind(event_id).fetch_optional(sql).await
}

pub async fn find(sql: &mut PgConnection, event_id: Uuid) -> Result<Option<Kept>, sqlx::Error> {
    let query = concat!("SELECT ", summary!(), ", body, original, error FROM parked WHERE event_id = $1");
    sqlx::query_as(query).bind(event_id).fetch_optional(sql).await
}

pub async fn attempts(sql: &mut PgConnection, event_id: Uuid) -> Result<Vec<Attempt>, sqlx::Error> {
    sqlx::query_as("SELECT number, at, reason, error FROM attempts WHERE event_id = $1 ORDER BY number")
        .bind(event_id)
        .fetch_all(sql)
        .await
}
