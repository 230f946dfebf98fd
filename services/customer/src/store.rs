//! The SQL of this service.

use contracts::{CustomerId, CustomerName, EmailAddress};
use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use sqlx::{PgConnection, query};

use crate::customer::{Customer, Gate, Status};

/// Stores a new customer; fails on the constraint `customers_email` if the address is taken.
pub async fn insert(sql: &mut PgConnection, customer: &Customer) -> Result<(), sqlx::Error> {
    query!(
        "INSERT INTO customers (id, email, name, status, registered_at, welcome_email) VALUES ($1, $2, $3, $4, $5, $6)",
        customer.id.0,
        customer.email.expose(),
        customer.name.expose(),
        customer.gate.status.as_str(),
        SqlTimestamp::from(customer.registered_at) as _,
        customer.gate.welcome_email.as_str(),
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// The customer `id`.
pub async fn find(sql: &mut PgConnection, id: CustomerId) -> Result<Option<Customer>, sqlx::Error> {
    let row = query!(
        "SELECT email, name, registered_at, status, welcome_email, status_points, onboarded_at
         FROM customers WHERE id = $1",
        id.0,
    )
    .fetch_optional(sql)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Customer {
        id,
        email: EmailAddress::parse(&row.email).map_err(decoding)?,
        name: CustomerName::parse(&row.name).map_err(decoding)?,
        registered_at: row.registered_at.to_jiff(),
        gate: gate(&row.status, &row.welcome_email, row.status_points)?,
        onboarded_at: row.onboarded_at.map(SqlTimestamp::to_jiff),
    }))
}

/// How far the onboarding of `id` is; nobody else changes it until this transaction ends.
pub async fn lock_gate(sql: &mut PgConnection, id: CustomerId) -> Result<Option<Gate>, sqlx::Error> {
    let row = query!("SELECT status, welcome_email, status_points FROM customers WHERE id = $1 FOR UPDATE", id.0)
        .fetch_optional(sql)
        .await?;
    row.map(|row| gate(&row.status, &row.welcome_email, row.status_points)).transpose()
}

/// Stores `gate`; `now` is when its status changed, if it did.
pub async fn save_gate(sql: &mut PgConnection, id: CustomerId, gate: Gate, now: Timestamp) -> Result<(), sqlx::Error> {
    let now = SqlTimestamp::from(now);
    query!(
        "UPDATE customers SET status = $2, welcome_email = $3, status_points = $4,
                onboarded_at = CASE WHEN $5 THEN coalesce(onboarded_at, $7) END,
                deactivated_at = CASE WHEN $6 THEN coalesce(deactivated_at, $7) END
         WHERE id = $1",
        id.0,
        gate.status.as_str(),
        gate.welcome_email.as_str(),
        gate.status_points,
        gate.status == Status::Onboarded,
        gate.status == Status::Deactivated,
        now as _,
    )
    .execute(sql)
    .await?;
    Ok(())
}

fn gate(status: &str, welcome_email: &str, status_points: Option<i64>) -> Result<Gate, sqlx::Error> {
    Ok(Gate {
        status: status.parse().map_err(decoding)?,
        welcome_email: welcome_email.parse().map_err(decoding)?,
        status_points,
    })
}

/// What is stored is no value of the domain.
fn decoding(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
