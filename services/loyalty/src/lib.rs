//! Books joining points, and takes them back.
//!
//! | in | out |
//! | --- | --- |
//! | `customer_created` ([`points::Join`]) | `status_points_added` |
//! | `customer_deactivated` ([`points::Revoke`]) | `status_points_revoked` |

use std::time::Duration;

use contracts::{
    ServiceInfo,
    events::{
        self,
        customer::{CustomerCreated, CustomerDeactivated},
    },
};
use messaging::{database::Database, handler::Handlers};
use service::{Service, http::MAX_BODY};
use sqlx::migrate::Migrator;

pub mod account;
mod http;
pub mod points;
mod slow;
mod store;

/// Its name, its ports and its role.
pub const SERVICE: ServiceInfo = contracts::services::LOYALTY;
/// Its own tables.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/loyalty");

/// A handling is a few statements: one that takes longer waits for a lock.
const SLOW: Duration = Duration::from_millis(500);

/// What this service reacts to.
pub fn handlers() -> Handlers {
    Handlers::new()
        .on::<CustomerCreated>(points::Join)
        .on::<CustomerDeactivated>(points::Revoke)
        .layer(slow::WarnAbove(SLOW))
}

/// The service on `database`.
pub fn service(database: &Database) -> Service {
    let (http, openapi) = http::api(database.for_requests());
    Service {
        name: SERVICE.name,
        publishes: events::loyalty::ALL,
        handlers: handlers(),
        migrations: &MIGRATIONS,
        http,
        openapi,
        max_body: MAX_BODY,
        tasks: Vec::new(),
    }
}
