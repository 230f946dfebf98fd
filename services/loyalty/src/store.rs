//! The SQL of this service.

use anyhow::Context;
use contracts::CustomerId;
use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use messaging::{failure::HandlerError, unit_of_work::UnitOfWork};
use sqlx::{PgConnection, query, query_scalar};
use uuid::Uuid;

use crate::account::{Entry, Reason};

/// A line to be written.
pub struct Booking {
    event_id: Uuid,
    points: i64,
    reason: Reason,
    booked_at: Timestamp,
}

impl Booking {
    /// A booking for the event that `tx` answers.
    pub fn answering(tx: &UnitOfWork, points: i64, reason: Reason) -> Result<Self, HandlerError> {
        let cause = tx.cause().context("points are booked for an event").map_err(HandlerError::Permanent)?;
        Ok(Self { event_id: cause.id, points, reason, booked_at: tx.now() })
    }
}

/// Opens the customer's account if there is none, and locks it; `false` if it is closed.
pub async fn open(sql: &mut PgConnection, id: CustomerId, now: Timestamp) -> Result<bool, sqlx::Error> {
    query_scalar!(
        r#"INSERT INTO accounts AS known (customer_id, opened_at) VALUES ($1, $2)
           ON CONFLICT (customer_id) DO UPDATE SET opened_at = known.opened_at
           RETURNING closed_at IS NULL AS "is_open!""#,
        id.0,
        SqlTimestamp::from(now) as _,
    )
    .fetch_one(sql)
    .await
}

/// Closes the customer's account, and so locks it; `false` if it is closed already. Without an account one is made that
/// was never open: after a lost binding the end of a customer may be heard of before the beginning, which must then find it.
pub async fn close(sql: &mut PgConnection, id: CustomerId, now: Timestamp) -> Result<bool, sqlx::Error> {
    let now = SqlTimestamp::from(now);
    let closed = query!(
        "INSERT INTO accounts AS known (customer_id, opened_at, closed_at) VALUES ($1, $2, $2)
         ON CONFLICT (customer_id) DO UPDATE SET closed_at = $2 WHERE known.closed_at IS NULL",
        id.0,
        now as _,
    )
    .execute(sql)
    .await?;
    Ok(closed.rows_affected() == 1)
}

/// Books once for each event; `false` if it was booked before.
pub async fn book(sql: &mut PgConnection, id: CustomerId, booking: &Booking) -> Result<bool, sqlx::Error> {
    let booked = query!(
        "INSERT INTO ledger (customer_id, event_id, points, reason, booked_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (event_id) DO NOTHING",
        id.0,
        booking.event_id,
        booking.points,
        booking.reason.as_str(),
        SqlTimestamp::from(booking.booked_at) as _,
    )
    .execute(sql)
    .await?;
    Ok(booked.rows_affected() == 1)
}

/// The sum of the customer's ledger.
pub async fn balance(sql: &mut PgConnection, id: CustomerId) -> Result<i64, sqlx::Error> {
    query_scalar!(r#"SELECT coalesce(sum(points), 0)::bigint AS "sum!" FROM ledger WHERE customer_id = $1"#, id.0)
        .fetch_one(sql)
        .await
}

/// The customer's ledger, oldest first; `None` if there is no account.
pub async fn ledger(sql: &mut PgConnection, id: CustomerId) -> Result<Option<Vec<Entry>>, sqlx::Error> {
    let known = query_scalar!("SELECT 1 FROM accounts WHERE customer_id = $1", id.0).fetch_optional(&mut *sql).await?;
    if known.is_none() {
        return Ok(None);
    }
    let rows =
        query!("SELECT event_id, points, reason, booked_at FROM ledger WHERE customer_id = $1 ORDER BY id", id.0)
            .fetch_all(sql)
            .await?;
    let entries = rows.into_iter().map(|row| Entry {
        event_id: row.event_id,
        points: row.points,
        reason: row.reason,
        booked_at: row.booked_at.to_jiff(),
    });
    Ok(Some(entries.collect()))
}
