//! What makes a service this one and no other.

use axum::Router as HttpRouter;
use event::EventType;
use messaging::{handler::Handlers, worker::Task};
use sqlx::migrate::Migrator;
use utoipa::openapi::OpenApi;

/// What makes a service this one and no other.
pub struct Service {
    /// Its name: schema, queue, user, `service` in logs.
    pub name: &'static str,
    /// The events that it owns.
    pub publishes: &'static [EventType],
    /// What it does with the events of others.
    pub handlers: Handlers,
    /// Its own tables.
    pub migrations: &'static Migrator,
    /// Its public API.
    pub http: HttpRouter,
    /// The API's description.
    pub openapi: OpenApi,
    /// The largest body that a request to it may have, in bytes.
    pub max_body: usize,
    /// What else it runs.
    pub tasks: Vec<(&'static str, Task)>,
}
