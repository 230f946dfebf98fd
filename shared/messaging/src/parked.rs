//! Messages that could not be handled: kept with the reason, tried again, never dropped.
//!
//! `waiting` is the first of its subject and has a next attempt; `behind` waits for an earlier one of its subject and
//! spends no attempts; `dead` needs a person, and blocks its subject in this service until it is retried, edited or
//! discarded. An undecodable message has no subject and blocks nobody.

use std::{collections::HashSet, time::Duration};

use event::{Envelope, EventMeta};
use sqlx::{PgConnection, query, query_scalar, types::Text};
use tracing::info;
use uuid::Uuid;

use crate::{
    backoff::Backoff,
    database::Database,
    failpoint::{Failpoint, hit},
    failure::Failure,
    known,
    message::{ReceivedMessage, row_id},
    parked::state::State,
    poison,
    unit_of_work::UnitOfWork,
};

pub mod dead_letters;
pub mod operations;
pub mod redrive;
pub mod state;

/// How long after an attempt the next is due.
const DELAYS: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_hours(1));

/// How long after `tries` attempts the next is due.
pub(crate) fn delay(tries: i32) -> Duration {
    DELAYS.after(u32::try_from(tries).unwrap_or_default())
}

/// The subjects among `messages` that have a head.
pub(crate) async fn blocked_subjects(
    sql: &mut PgConnection,
    messages: &[ReceivedMessage],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let keys: Vec<_> = messages.iter().filter_map(|message| Some(message.decoded().ok()?.subject)).collect();
    let held = query_scalar!(
        r#"SELECT subject AS "subject!" FROM parked WHERE subject = ANY($1) AND state IN ('waiting', 'dead')"#,
        &keys,
    )
    .fetch_all(sql)
    .await?;
    Ok(held.into_iter().collect())
}

/// Puts `message` behind an earlier one of its subject, in the inbox's transaction.
pub(crate) async fn park_behind(
    tx: &mut UnitOfWork,
    message: &ReceivedMessage,
    envelope: &Envelope,
) -> Result<(), sqlx::Error> {
    let row = Row {
        subject: Some(envelope.subject),
        state: State::Behind,
        reason: "behind_an_earlier_one",
        error: String::new(),
        attempts: 0,
        next_attempt_at: None,
    };
    insert(tx, message, row).await.map(drop)
}

struct Row {
    subject: Option<Uuid>,
    state: State,
    reason: &'static str,
    error: String,
    attempts: i32,
    next_attempt_at: Option<jiff::Timestamp>,
}

/// Gives its state: the table puts it behind a head that has come meanwhile, or in the place of one that has gone.
async fn insert(tx: &mut UnitOfWork, message: &ReceivedMessage, row: Row) -> Result<State, sqlx::Error> {
    let now = jiff_sqlx::Timestamp::from(tx.now());
    let state = query_scalar!(
        r#"INSERT INTO parked (event_id, event_type, subject, state, body, muted, reason, error, attempts, tries, parked_at,
                             tried_since, next_attempt_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $10, $11)
         RETURNING state AS "state: Text<State>""#,
        message.id,
        message.exchange,
        row.subject,
        Text(row.state) as _,
        &message.body[..],
        message.muted,
        row.reason,
        row.error,
        row.attempts,
        now as _,
        row.next_attempt_at.map(jiff_sqlx::Timestamp::from) as _,
    )
    .fetch_one(tx.sql())
    .await?;
    Ok(state.0)
}

/// Takes charge of a message that failed alone: it waits, or is dead if no attempt can help. If somebody has handled it
/// meanwhile, nothing happens.
pub async fn park(database: &Database, mut message: ReceivedMessage, failure: &Failure) -> Result<(), sqlx::Error> {
    let mut tx = database.begin().await?;
    while !claim(&mut tx, database.service, &message).await? {
        if known::is_of_another(tx.sql(), std::slice::from_ref(&message)).await? {
            message = message.renamed();
            continue;
        }
        poison::clear(tx.sql(), &[message.id]).await?;
        return tx.commit().await;
    }
    // No subject if the envelope is unreadable. An envelope that is fine with data that is not still names its subject.
    let subject = message.decoded().ok().map(|envelope| envelope.subject);
    let dead = failure.is_permanent();
    let row = Row {
        subject,
        state: if dead { State::Dead } else { State::Waiting },
        reason: failure.class(),
        error: describe(failure),
        attempts: 1,
        next_attempt_at: (!dead).then(|| tx.now() + delay(1)),
    };
    let state = insert(&mut tx, &message, row).await?;
    note_attempt(&mut tx, message.id, 1, failure).await?;
    poison::clear(tx.sql(), &[message.id]).await?;
    hit(Failpoint::Parked).await;
    tx.commit().await?;
    hit(Failpoint::Committed).await;
    message.span.in_scope(|| log(state == State::Dead, &message, failure.class(), 1));
    database.wake_ups.redriver.notify_one();
    Ok(())
}

/// Adds an attempt that failed to the message's record.
async fn note_attempt(tx: &mut UnitOfWork, id: Uuid, number: i32, failure: &Failure) -> Result<(), sqlx::Error> {
    let now = jiff_sqlx::Timestamp::from(tx.now());
    query!(
        "INSERT INTO attempts (event_id, number, at, reason, error) VALUES ($1, $2, $3, $4, $5)",
        id,
        number,
        now as _,
        failure.class(),
        describe(failure),
    )
    .execute(tx.sql())
    .await?;
    Ok(())
}

/// The inbox row of a parked message, without `done_at`; `false` if there was one.
async fn claim(tx: &mut UnitOfWork, service: &str, message: &ReceivedMessage) -> Result<bool, sqlx::Error> {
    let now = jiff_sqlx::Timestamp::from(tx.now());
    let inserted = query!(
        "INSERT INTO inbox (event_id, id, event_type, received_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        message.id,
        row_id(message.id, service),
        message.exchange,
        now as _,
    )
    .execute(tx.sql())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The whole chain of causes, for the table only.
fn describe(failure: &Failure) -> String {
    let mut text = failure.to_string();
    let mut cause = std::error::Error::source(failure);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.replace('\0', "\u{fffd}")
}

fn log(dead: bool, message: &ReceivedMessage, reason: &'static str, attempts: i32) {
    match message.meta() {
        Some(meta) if dead => log_dead(&meta, reason, attempts),
        Some(meta) => log_parked(&meta, reason, attempts),
        None => info!(event_id = %message.id, event_type = message.exchange, reason, attempts, "event dead"),
    }
}

/// As [`crate::telemetry::log_hop`], with why and how often.
macro_rules! log_kept {
    ($name:ident, $message:literal) => {
        fn $name(meta: &EventMeta, reason: &'static str, attempts: i32) {
            info!(
                event_id = %meta.id,
                event_type = meta.event_type,
                correlation_id = %meta.correlation_id,
                causation_id = meta.causation_id.map(tracing::field::display),
                transaction_id = %format_args!("{}.{}", meta.correlation_id, meta.id),
                subject = %meta.subject,
                reason,
                attempts,
                $message
            );
        }
    };
}
log_kept!(log_parked, "event parked");
log_kept!(log_dead, "event dead");

/// The hop of a message that was put behind another.
pub(crate) fn log_behind(meta: &EventMeta) {
    log_parked(meta, "behind_an_earlier_one", 0);
}
