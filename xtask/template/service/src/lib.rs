//! Records every `customer_created`.
//!
//! | in | out |
//! | --- | --- |
// <publishes>
//! | `customer_created` ([`records::Record`]) | `template_service_recorded` |
// </publishes>
// <silent>
//= //! | `customer_created` ([`records::Record`]) | nothing |
// </silent>

use contracts::{ServiceInfo, events::customer::CustomerCreated};
use messaging::{database::Database, handler::Handlers};
use service::{Service, http::MAX_BODY};
use sqlx::migrate::Migrator;

// <template>
pub mod contract;
// </template>
mod http;
pub mod records;
mod store;

/// Its name, its ports and its role.
// <template>
pub const SERVICE: ServiceInfo = contract::TEMPLATE_SERVICE;
// </template>
// <instance>
//= pub const SERVICE: ServiceInfo = contracts::services::TEMPLATE_SERVICE;
// </instance>
/// Its own tables.
// <template>
pub static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");
// </template>
// <instance>
//= pub static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/template_service");
// </instance>

/// What this service reacts to.
pub fn handlers() -> Handlers {
    Handlers::new().on::<CustomerCreated>(records::Record)
}

/// The service on `database`.
pub fn service(database: &Database) -> Service {
    let (http, openapi) = http::api(database.for_requests());
    Service {
        name: SERVICE.name,
        // <publishes>
        publishes: crate::contract::ALL,
        // </publishes>
        // <silent>
        //= publishes: &[],
        // </silent>
        handlers: handlers(),
        migrations: &MIGRATIONS,
        http,
        openapi,
        max_body: MAX_BODY,
        tasks: Vec::new(),
    }
}
