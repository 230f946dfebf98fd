//! What is kept of a parked message, as operators see it, and the SQL that reads it.

use event::Envelope;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, query, query_as, types::Text};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{audit::Entry, parked::state::State};

/// Which messages are meant; without a state, all that are neither done nor discarded.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<State>,
    /// Of this event type.
    pub event_type: Option<String>,
    /// About this subject.
    pub subject: Option<Uuid>,
}

/// A parked message in a list: nothing personal.
#[derive(Clone, Debug, Serialize, ToSchema)]
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

/// An attempt that failed.
#[derive(Clone, Debug, Serialize, ToSchema)]
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

/// Everything that is known of a parked message; the event and the errors may hold personal data.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Record {
    /// As in a list.
    #[serde(flatten)]
    pub summary: Summary,
    /// The first message of its subject, which it waits for.
    pub waits_behind: Option<Uuid>,
    /// The flow that it belongs to, if it is an event.
    pub correlation_id: Option<Uuid>,
    /// The trace that it belongs to.
    pub trace_id: Option<String>,
    /// The text of the last failure.
    pub error: String,
    /// The event as it would be handled now; text if it is no JSON.
    #[schema(value_type = Value)]
    pub event: Value,
    /// The event as it was delivered, if it was corrected since.
    #[schema(value_type = Value)]
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

/// Selects the columns of a [`Summary`], and `$more`. A macro, as [`query!`] takes literals only; so are those below.
macro_rules! select {
    ($more:literal, [$($condition:literal)+], $($argument:tt)*) => {
        query!(
            r#"SELECT seq, event_id, event_type, subject, state AS "state: Text<State>", reason, attempts, parked_at,
                      next_attempt_at, resolved_at, original IS NOT NULL AS "edited!", muted"#
                + $more + " FROM parked WHERE " $(+ $condition)+,
            $($argument)*
        )
    };
}

macro_rules! summary {
    ($row:ident) => {
        Summary {
            seq: $row.seq,
            event_id: $row.event_id,
            event_type: $row.event_type,
            subject: $row.subject,
            state: $row.state.0,
            reason: $row.reason,
            attempts: $row.attempts,
            parked_at: $row.parked_at.to_jiff(),
            next_attempt_at: $row.next_attempt_at.map(jiff_sqlx::Timestamp::to_jiff),
            resolved_at: $row.resolved_at.map(jiff_sqlx::Timestamp::to_jiff),
            edited: $row.edited,
            muted: $row.muted,
        }
    };
}

/// A page of what the filter selects among `$states`.
macro_rules! page {
    ($states:literal, $page:literal, $filter:ident, $position:expr, $limit:ident) => {
        select!(
            "",
            [$states
             "($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR event_type = $2) AND \
              ($3::uuid IS NULL OR subject = $3) AND "
             $page],
            $filter.state.map(Text) as _, $filter.event_type, $filter.subject, $position, $limit
        )
        .map(|row| summary!(row))
    };
}

pub async fn list(
    sql: &mut PgConnection,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Summary>, sqlx::Error> {
    let before = before.unwrap_or(i64::MAX);
    // What is resolved is kept for long: the partial index finds the few that are not.
    if filter.state.is_some_and(State::is_resolved) {
        page!("", "seq < $4 ORDER BY seq DESC LIMIT $5", filter, before, limit).fetch_all(sql).await
    } else {
        let unresolved = page!(
            "state IN ('waiting', 'behind', 'dead') AND ",
            "seq < $4 ORDER BY seq DESC LIMIT $5",
            filter,
            before,
            limit
        );
        unresolved.fetch_all(sql).await
    }
}

/// Heads, in their order, from after the position `after` on; locked. Not those that are being tried at this moment: they
/// have what a retry would give them.
pub async fn lock_heads(
    sql: &mut PgConnection,
    filter: &Filter,
    after: i64,
    limit: i64,
) -> Result<Vec<Summary>, sqlx::Error> {
    let heads = page!(
        "state IN ('waiting', 'dead') AND ",
        "seq > $4 ORDER BY seq LIMIT $5 FOR UPDATE SKIP LOCKED",
        filter,
        after,
        limit
    );
    heads.fetch_all(sql).await
}

/// What is unresolved, newest first, from before the position `before` on; locked. Not what is being tried at this moment.
pub async fn lock_unresolved(
    sql: &mut PgConnection,
    filter: &Filter,
    before: i64,
    limit: i64,
) -> Result<Vec<Summary>, sqlx::Error> {
    let unresolved = page!(
        "state IN ('waiting', 'behind', 'dead') AND ",
        "seq < $4 ORDER BY seq DESC LIMIT $5 FOR UPDATE SKIP LOCKED",
        filter,
        before,
        limit
    );
    unresolved.fetch_all(sql).await
}

pub async fn lock(sql: &mut PgConnection, event_id: Uuid) -> Result<Option<Summary>, sqlx::Error> {
    select!("", ["event_id = $1 FOR UPDATE"], event_id).map(|row| summary!(row)).fetch_optional(sql).await
}

pub async fn find(sql: &mut PgConnection, event_id: Uuid) -> Result<Option<Kept>, sqlx::Error> {
    let row = select!(", body, original, error", ["event_id = $1"], event_id).fetch_optional(sql).await?;
    Ok(row.map(|row| Kept { summary: summary!(row), body: row.body, original: row.original, error: row.error }))
}

pub async fn attempts(sql: &mut PgConnection, event_id: Uuid) -> Result<Vec<Attempt>, sqlx::Error> {
    query_as!(Attempt, "SELECT number, at, reason, error FROM attempts WHERE event_id = $1 ORDER BY number", event_id,)
        .fetch_all(sql)
        .await
}

/// A body for people: as JSON if it is some, else as text.
pub(super) fn shown(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into())
}

/// A row of `parked` with its body.
pub(super) struct Kept {
    pub summary: Summary,
    pub body: Vec<u8>,
    pub original: Option<Vec<u8>>,
    pub error: String,
}
