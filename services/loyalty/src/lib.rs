//! Books joining points, and takes them back.
//!
//! | in | out |
//! | --- | --- |
//! | `customer_created` ([`points::Join`]) | `status_points_added` |
//! | `customer_deactivated` ([`points::Revoke`]) | `status_points_revoked` |

use contracts::events::{
    self,
    customer::{CustomerCreated, CustomerDeactivated},
};
use messaging::{database::Database, handler::Handlers};
use service::Service;
use sqlx::migrate::Migrator;

pub mod account;
mod http;
pub mod points;
mod store;

/// The service's name.
pub const NAME: &str = "loyalty";
/// Its own tables.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/loyalty");

/// What this service reacts to.
pub fn handlers() -> Handlers {
    Handlers::new().on::<CustomerCreated>(points::Join).on::<CustomerDeactivated>(points::Revoke)
}

/// The service on `database`.
pub fn service(database: &Database) -> Service {
    let (http, openapi) = http::api(database.clone());
    Service {
        name: NAME,
        publishes: events::loyalty::ALL,
        handlers: handlers(),
        migrations: &MIGRATIONS,
        http,
        openapi,
        tasks: Vec::new(),
    }
}
