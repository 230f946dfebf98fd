//! Registers customers, and decides when they are onboarded or deactivated.
//!
//! | in | out |
//! | --- | --- |
//! | `POST /customers` ([`register`]) | `customer_created` |
//! | `welcome_email_sent`, `status_points_added` ([`onboarding`]) | `customer_onboarded`, when both have come |
//! | `welcome_email_failed` ([`onboarding`]) | `customer_deactivated` |

use contracts::{
    ServiceInfo,
    events::{
        self,
        email::{WelcomeEmailFailed, WelcomeEmailSent},
        loyalty::StatusPointsAdded,
    },
};
use messaging::{database::Database, handler::Handlers, worker};
use service::{Service, http::MAX_BODY};
use sqlx::migrate::Migrator;

pub mod access;
mod client;
mod config;
pub mod customer;
mod http;
mod idempotency;
mod limits;
mod link;
mod name;
pub mod onboarding;
pub mod register;
mod store;

pub use config::CustomerConfig;

/// Its name, its ports and its role.
pub const SERVICE: ServiceInfo = contracts::services::CUSTOMER;
/// Its own tables.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/customer");

/// What this service reacts to.
pub fn handlers() -> Handlers {
    Handlers::new()
        .on::<WelcomeEmailSent>(onboarding::MailSent)
        .on::<WelcomeEmailFailed>(onboarding::MailFailed)
        .on::<StatusPointsAdded>(onboarding::PointsAdded)
}

/// The service on `database`. Fails if a setting is wrong.
pub fn service(database: &Database, config: &CustomerConfig) -> anyhow::Result<Service> {
    let (http, openapi) = http::api(database.for_requests(), config)?;
    Ok(Service {
        name: SERVICE.name,
        publishes: events::customer::ALL,
        handlers: handlers(),
        migrations: &MIGRATIONS,
        http,
        openapi,
        max_body: MAX_BODY,
        tasks: vec![("idempotency keys", worker::task(idempotency::Purge { database: database.clone() }))],
    })
}
