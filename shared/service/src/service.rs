//! What makes a service this one and no other.

use axum::Router as HttpRouter;
use event::EventType;
use futures_util::future::BoxFuture;
use messaging::handler::Handlers;
use sqlx::migrate::Migrator;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;

/// A task that runs beside relay and router, until the token is cancelled: a sender of mails, for one.
pub type Task = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>;

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
    /// What else it runs.
    pub tasks: Vec<(&'static str, Task)>,
}
