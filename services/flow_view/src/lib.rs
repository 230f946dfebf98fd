//! Shows every flow: one more subscriber, which nobody else knows.
//!
//! | in | out |
//! | --- | --- |
//! | every event of the fleet ([`observer::EveryEvent`]) | nothing |

use std::sync::Arc;

use contracts::{ServiceInfo, choreography};
use messaging::{database::Database, handler::Handlers, worker};
use service::Service;
use sqlx::migrate::Migrator;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    http::AppState, projector::Projector, retention::Retention, service_directory::ServiceDirectory,
    status_poller::StatusPoller,
};

mod assets;
mod config;
pub mod http;
pub mod metrics;
pub mod observer;
mod overview;
pub mod projector;
pub mod retention;
pub mod service_directory;
pub mod status_poller;
mod store;

pub use config::{FlowViewConfig, OperationsUrls};

/// Its name, its ports and its role.
pub const SERVICE: ServiceInfo = contracts::services::FLOW_VIEW;
/// Its own tables.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/flow_view");

/// What this service sees.
pub fn handlers() -> Handlers {
    Handlers::new().observing(&choreography::event_types(), observer::EveryEvent)
}

/// The service on `database`.
pub fn service(database: &Database, config: &FlowViewConfig) -> anyhow::Result<Service> {
    metrics::register(database);
    let directory = ServiceDirectory::new(config)?;
    let (change, changed) = watch::channel(0);
    let projector = Projector::new(database.clone(), choreography::REACTIONS, change);
    let poller = StatusPoller::new(database.clone(), directory.clone());
    let feed = http::feed::Feed::default();
    let reader = http::feed::Reader::new(database.clone(), directory.clone(), changed, feed.clone());
    let retention = Retention::new(database.clone(), config.flow_days);
    let closing = CancellationToken::new();
    let (http, openapi) = http::api(AppState {
        database: database.for_requests(),
        directory: directory.clone(),
        config: Arc::new(config.clone()),
        reactions: choreography::REACTIONS,
        feed: feed.clone(),
        closing: closing.clone(),
        overview: Arc::default(),
    });
    Ok(Service {
        name: SERVICE.name,
        publishes: &[],
        handlers: handlers(),
        migrations: &MIGRATIONS,
        http,
        openapi,
        // An event that goes through to a service's administration.
        max_body: 2 * event::MAX_SIZE,
        tasks: vec![
            ("projector", worker::task(projector)),
            ("changes", worker::task(reader)),
            ("directory", worker::task(directory)),
            ("status poller", worker::task(poller)),
            ("retention", worker::task(retention)),
            ("streams", Box::new(|_, shutdown| Box::pin(close_streams(closing, shutdown)))),
        ],
    })
}

async fn close_streams(closing: CancellationToken, shutdown: CancellationToken) {
    shutdown.cancelled().await;
    closing.cancel();
}
