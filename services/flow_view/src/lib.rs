//! Shows every flow: one more subscriber, which nobody else knows.
//!
//! | in | out |
//! | --- | --- |
//! | every event of the fleet ([`watch::Watch`]) | nothing |

use shared::{choreography, database::Database, handler::Handlers, service::Service};
use sqlx::migrate::Migrator;

mod config;
pub mod flow;
mod http;
mod store;
pub mod watch;

pub use config::FlowViewConfig;

/// The service's name.
pub const NAME: &str = "flow_view";
/// Its own tables.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/flow_view");

/// What this service sees.
pub fn handlers() -> Handlers {
    Handlers::new().observing(&choreography::event_types(), watch::Watch)
}

/// The service on `database`.
pub fn service(database: &Database, config: &FlowViewConfig) -> anyhow::Result<Service> {
    let (http, openapi) = http::api(database.clone(), config)?;
    Ok(Service {
        name: NAME,
        publishes: &[],
        handlers: handlers(),
        migrations: &MIGRATIONS,
        http,
        openapi,
        tasks: Vec::new(),
    })
}
