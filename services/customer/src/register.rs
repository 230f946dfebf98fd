//! A registration: one customer, one `customer_created`, one commit.

use axum::http::StatusCode;
use contracts::{CustomerId, CustomerName, EmailAddress, events::customer::CustomerCreated};
use messaging::database::Database;
use service::problem::{Problem, fields::FieldParser};
use uuid::Uuid;

use crate::{
    customer::{Customer, Gate},
    idempotency::{self, IdempotencyKey, Replay},
    limits::{Limits, TooMany},
    name, store,
};

/// What a registration needs.
pub struct Registration {
    pub email: EmailAddress,
    pub name: CustomerName,
}

impl Registration {
    /// Parses a request body, or names every bad field.
    pub fn parse(mut fields: FieldParser) -> Result<Self, Problem> {
        let email = fields.text("email", EmailAddress::parse);
        let name = fields.text("name", name::parse);
        fields.finish()?;
        // `finish` has failed if either is missing.
        email.zip(name).map(|(email, name)| Self { email, name }).ok_or_else(|| Problem::internal("fields"))
    }
}

/// A registration that was accepted, now or under the same key before.
pub struct Accepted {
    pub customer: Customer,
    pub event_id: Uuid,
    pub trace_id: String,
}

/// Registers a customer, or answers what was answered under `key` before.
pub async fn register(
    database: &Database,
    limits: &Limits,
    registration: Registration,
    key: Option<IdempotencyKey>,
    trace_id: String,
) -> Result<Accepted, Problem> {
    let mut tx = database.begin().await?;
    let Registration { email, name } = registration;
    let id = CustomerId(Uuid::now_v7());
    let customer = Customer { id, email, name, registered_at: tx.now(), gate: Gate::new(), onboarded_at: None };
    let event = created(&customer);
    let event_id = tx.publish(&event).map_err(|_| Problem::internal("publish_error"))?.id;
    if let Some(key) = key {
        // First, so that a concurrent twin waits here, before it could collide with our customer.
        match idempotency::claim(&mut tx, &key, &customer, event_id, &trace_id).await? {
            None => {}
            Some(replay) => return replayed(tx.sql(), replay).await,
        }
    }
    store::insert(tx.sql(), &customer).await.map_err(taken)?;
    limits.recipient(&customer.email, customer.registered_at).map_err(TooMany::to_this_recipient)?;
    if let Err(error) = tx.commit().await {
        limits.give_back(&customer.email);
        return Err(error.into());
    }
    Ok(Accepted { customer, event_id, trace_id })
}

fn created(customer: &Customer) -> CustomerCreated {
    CustomerCreated {
        customer_id: customer.id,
        email: customer.email.clone(),
        name: customer.name.clone(),
        registered_at: customer.registered_at,
    }
}

/// The first 201 again: the customer as it was then.
async fn replayed(sql: &mut sqlx::PgConnection, replay: Replay) -> Result<Accepted, Problem> {
    let Replay { customer_id, event_id, trace_id } = replay;
    let customer = store::find(sql, customer_id).await?.ok_or_else(|| Problem::not_found("the customer is gone"))?;
    Ok(Accepted { customer: Customer { gate: Gate::new(), onboarded_at: None, ..customer }, event_id, trace_id })
}

/// Postgres decides whether the address is free.
fn taken(error: sqlx::Error) -> Problem {
    match &error {
        sqlx::Error::Database(cause) if cause.constraint() == Some("customers_email") => {
            Problem::new(StatusCode::CONFLICT, "a customer with this address is registered already")
                .with_field("email", "is taken")
        }
        _ => error.into(),
    }
}
