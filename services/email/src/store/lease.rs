//! Mails on their way: each belongs to one sender for a while, by the database's clock, which all replicas share.

use contracts::CustomerId;
use event::{EventMeta, TraceContext};
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::Timestamp as SqlTimestamp;
use messaging::database::Database;
use sqlx::{PgConnection, query, query_scalar};
use uuid::Uuid;

use super::breaker;

/// A queued mail on its way, leased to one sender.
pub struct Leased {
    pub id: Uuid,
    pub customer_id: CustomerId,
    pub address: String,
    pub name: String,
    pub message_id: String,
    /// Time in which the breaker was open is added already.
    pub valid_until: Timestamp,
    /// Grows with each lease: whoever holds an older one has lost the mail.
    pub attempt: i32,
    /// How often it may have been accepted.
    pub perhaps: i32,
    /// It tries whether the server is well again, while all others wait.
    pub probe: bool,
    pub trace: TraceContext,
    pub cause: EventMeta,
}

/// Leases the mail that is due longest for `length`. While the breaker is open that is one mail each `rest`.
pub async fn lease(
    database: &Database,
    length: SignedDuration,
    rest: SignedDuration,
) -> Result<Option<Leased>, sqlx::Error> {
    let mut tx = database.begin().await?;
    let now = tx.now();
    let due = due(tx.sql(), now).await?;
    let (id, probe) = match due {
        Some(id) => (Some(id), false),
        None if breaker::probe_is_due(tx.sql(), now).await? => (probe(tx.sql(), now).await?, true),
        None => (None, false),
    };
    let Some(id) = id else { return Ok(None) };
    if probe {
        breaker::probing(tx.sql(), now + rest).await?;
    }
    let mail = take(tx.sql(), id, length, now).await?;
    tx.commit().await?;
    Ok(Some(Leased { probe, ..mail }))
}

/// The mail that is due longest. What ends a lease is the database's clock; what is tried again later goes by the service's.
async fn due(sql: &mut PgConnection, now: Timestamp) -> Result<Option<Uuid>, sqlx::Error> {
    query_scalar!(
        "SELECT id FROM mails
         WHERE state = 'queued' AND next_attempt_at <= greatest($1, now())
           AND CASE WHEN lease_until IS NULL THEN next_attempt_at <= $1 ELSE lease_until <= now() END
           AND NOT EXISTS (SELECT FROM breaker WHERE opened_at IS NOT NULL)
         ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED",
        SqlTimestamp::from(now) as _,
    )
    .fetch_optional(sql)
    .await
}

/// The mail that tries whether the server is well: rather one that it has not rejected before.
async fn probe(sql: &mut PgConnection, now: Timestamp) -> Result<Option<Uuid>, sqlx::Error> {
    query_scalar!(
        r#"SELECT id AS "id!" FROM (
             SELECT id, next_attempt_at FROM mails
             WHERE state = 'queued' AND next_attempt_at <= greatest($1, now())
               AND CASE WHEN lease_until IS NULL THEN next_attempt_at <= $1 ELSE lease_until <= now() END
             ORDER BY next_attempt_at LIMIT 1000 FOR UPDATE SKIP LOCKED
           ) AS due
           ORDER BY EXISTS (SELECT FROM rejections WHERE mail_id = due.id), next_attempt_at LIMIT 1"#,
        SqlTimestamp::from(now) as _,
    )
    .fetch_optional(sql)
    .await
}

/// An older release, which may still run beside this one, takes `next_attempt_at` for the end of the lease.
async fn take(sql: &mut PgConnection, id: Uuid, length: SignedDuration, now: Timestamp) -> Result<Leased, sqlx::Error> {
    let row = query!(
        r#"UPDATE mails SET attempt = attempt + 1, lease_until = now() + make_interval(secs => $2),
                            next_attempt_at = now() + make_interval(secs => $2)
           WHERE id = $1
           RETURNING id, event_id, event_type, customer_id, correlation_id, traceparent, tracestate, address, name,
                     message_id, attempt, perhaps,
                     valid_until - open_before
                       + (SELECT open_for + coalesce($3 - opened_at, interval '0') FROM breaker) AS "valid_until!""#,
        id,
        length.as_secs_f64(),
        SqlTimestamp::from(now) as _,
    )
    .fetch_one(sql)
    .await?;
    Ok(Leased {
        id: row.id,
        customer_id: CustomerId(row.customer_id),
        address: row.address,
        name: row.name,
        message_id: row.message_id,
        valid_until: row.valid_until.to_jiff(),
        attempt: row.attempt,
        perhaps: row.perhaps,
        probe: false,
        trace: TraceContext { traceparent: row.traceparent, tracestate: row.tracestate },
        cause: EventMeta {
            id: row.event_id,
            event_type: row.event_type,
            subject: row.customer_id,
            correlation_id: row.correlation_id,
            causation_id: None,
        },
    })
}

/// Keeps the lease for `length` from now; `false` if it was lost, or the mail is not to be sent any more.
pub async fn renew(database: &Database, mail: &Leased, length: SignedDuration) -> Result<bool, sqlx::Error> {
    let mut tx = database.begin().await?;
    let renewed = query!(
        "UPDATE mails SET lease_until = now() + make_interval(secs => $3),
                          next_attempt_at = now() + make_interval(secs => $3)
         WHERE id = $1 AND attempt = $2 AND state = 'queued'",
        mail.id,
        mail.attempt,
        length.as_secs_f64(),
    )
    .execute(tx.sql())
    .await?;
    tx.commit().await?;
    Ok(renewed.rows_affected() == 1)
}

/// What is known of a mail that is kept for another attempt.
pub struct Postponed<'a> {
    pub next: Timestamp,
    /// So much longer it is valid: time in which the server would have taken no mail at all.
    pub unwilling: SignedDuration,
    pub perhaps: i32,
    pub reply: &'a str,
}

/// Keeps the mail for another attempt, unless the lease was lost.
pub async fn postpone(sql: &mut PgConnection, mail: &Leased, postponed: Postponed<'_>) -> Result<(), sqlx::Error> {
    query!(
        "UPDATE mails SET next_attempt_at = $3, lease_until = NULL, perhaps = $5, last_reply = $6,
                          valid_until = valid_until + make_interval(secs => $4)
         WHERE id = $1 AND attempt = $2 AND state = 'queued'",
        mail.id,
        mail.attempt,
        SqlTimestamp::from(postponed.next) as _,
        postponed.unwilling.as_secs_f64(),
        postponed.perhaps,
        postponed.reply,
    )
    .execute(sql)
    .await?;
    Ok(())
}
