//! The SQL of this service.

use contracts::{CustomerId, events::customer::CustomerCreated};
use event::{EventMeta, TraceContext};
use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use sqlx::{PgConnection, PgPool, query};
use uuid::Uuid;

pub mod breaker;
pub mod lease;

use lease::Leased;

/// A mail to be queued.
pub struct NewMail {
    pub id: Uuid,
    pub message_id: String,
    pub valid_until: Timestamp,
    /// Its row is written and it is never sent.
    pub muted: bool,
    pub now: Timestamp,
    pub trace: TraceContext,
    pub cause: EventMeta,
}

/// Queues `mail` to the customer of `event`, once for each event; to one who is written to no more, none.
pub async fn queue(sql: &mut PgConnection, mail: &NewMail, event: &CustomerCreated) -> Result<(), sqlx::Error> {
    let NewMail { id, message_id, valid_until, muted, now, trace, cause } = mail;
    lock_recipient(sql, event.customer_id).await?;
    query!(
        "INSERT INTO mails (id, event_id, event_type, customer_id, correlation_id, traceparent, tracestate, address, name,
                            message_id, created_at, valid_until, state, settled_at, attempt, next_attempt_at, open_before)
         SELECT $1, $2, $3, customer_id, $5, $6, $7, $8, $9, $10, $11, $12,
                CASE WHEN stopped_at IS NOT NULL THEN 'cancelled' WHEN $13 THEN 'muted' ELSE 'queued' END,
                CASE WHEN stopped_at IS NOT NULL OR $13 THEN $11::timestamptz END, 0, $11,
                open_for + coalesce($11 - opened_at, interval '0')
         FROM recipients, breaker WHERE customer_id = $4
         ON CONFLICT (event_id) DO NOTHING",
        id,
        cause.id,
        cause.event_type,
        event.customer_id.0,
        cause.correlation_id,
        trace.traceparent.as_deref(),
        trace.tracestate.as_deref(),
        event.email.expose(),
        event.name.expose(),
        message_id,
        SqlTimestamp::from(*now) as _,
        SqlTimestamp::from(*valid_until) as _,
        muted,
    )
    .execute(sql)
    .await?;
    Ok(())
}

async fn lock_recipient(sql: &mut PgConnection, id: CustomerId) -> Result<(), sqlx::Error> {
    query!(
        "INSERT INTO recipients AS known (customer_id) VALUES ($1)
         ON CONFLICT (customer_id) DO UPDATE SET stopped_at = known.stopped_at",
        id.0,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// Writes to this customer no more: what is queued is cancelled.
pub async fn stop(sql: &mut PgConnection, id: CustomerId, now: Timestamp) -> Result<(), sqlx::Error> {
    lock_recipient(sql, id).await?;
    let now = SqlTimestamp::from(now);
    query!("UPDATE recipients SET stopped_at = $2 WHERE customer_id = $1 AND stopped_at IS NULL", id.0, now as _)
        .execute(&mut *sql)
        .await?;
    query!(
        "UPDATE mails SET state = 'cancelled', settled_at = $2 WHERE customer_id = $1 AND state = 'queued'",
        id.0,
        now as _,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// Marks the mail as `state`; `false` if the lease was lost or the mail was settled meanwhile.
pub async fn settle(
    sql: &mut PgConnection,
    mail: &Leased,
    state: &str,
    reply: Option<&str>,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    lock_recipient(sql, mail.customer_id).await?;
    let settled = query!(
        "UPDATE mails SET state = $3, last_reply = $4, settled_at = $5
         WHERE id = $1 AND attempt = $2 AND state = 'queued'",
        mail.id,
        mail.attempt,
        state,
        reply,
        SqlTimestamp::from(now) as _,
    )
    .execute(sql)
    .await?;
    Ok(settled.rows_affected() == 1)
}

/// How many mails are queued, and since when the oldest is.
pub async fn queue_depth(pool: &PgPool) -> Result<(i64, Option<Timestamp>), sqlx::Error> {
    let row = query!(r#"SELECT count(*) AS "mails!", min(created_at) AS oldest FROM mails WHERE state = 'queued'"#)
        .fetch_one(pool)
        .await?;
    Ok((row.mails, row.oldest.map(SqlTimestamp::to_jiff)))
}

/// A mail as the API shows it.
pub struct Shown {
    pub id: Uuid,
    pub state: String,
    pub attempts: i32,
    pub message_id: String,
    pub created_at: Timestamp,
    pub settled_at: Option<Timestamp>,
}

/// The mails of a customer, oldest first.
pub async fn of_customer(sql: &mut PgConnection, id: CustomerId) -> Result<Vec<Shown>, sqlx::Error> {
    let rows = query!(
        "SELECT id, state, attempt, message_id, created_at, settled_at FROM mails
         WHERE customer_id = $1 ORDER BY created_at, id",
        id.0,
    )
    .fetch_all(sql)
    .await?;
    let shown = rows.into_iter().map(|row| Shown {
        id: row.id,
        state: row.state,
        attempts: row.attempt,
        message_id: row.message_id,
        created_at: row.created_at.to_jiff(),
        settled_at: row.settled_at.map(SqlTimestamp::to_jiff),
    });
    Ok(shown.collect())
}
