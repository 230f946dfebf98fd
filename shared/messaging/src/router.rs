//! The router: deliveries of the service's queue, in batches, through the layers to the handlers.
//!
//! One task reads them, so the order is this loop's and never the scheduler's. Only the router settles, and in two ways:
//! it acknowledges what the service has taken charge of, or it closes the channel, and everything comes again in its
//! place. A nack would put one message back behind its successors; a cancel would start the stand-by replica while this
//! one still holds messages.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    bus::{Subscriber, Topology},
    database::Database,
    handler::Handlers,
    health::{Condition, Health},
};

mod dispatch;
mod session;
mod settings;

pub use dispatch::Dispatcher;
pub use settings::{RouterSettings, SessionError};

/// Receives what a service reacts to.
pub struct Router {
    database: Database,
    topology: Topology,
    subscriber: Box<dyn Subscriber>,
    dispatcher: Dispatcher,
    health: Health,
    settings: RouterSettings,
}

impl Router {
    /// A router that hands what comes from `subscriber` to `handlers`.
    pub fn new(
        database: Database,
        topology: Topology,
        subscriber: Box<dyn Subscriber>,
        handlers: Handlers,
        health: Health,
        settings: RouterSettings,
    ) -> Self {
        // Here and not when it runs: until then the service must not look ready.
        health.set("router", Condition::Down("not connected to the broker yet".into()));
        let dispatcher = Dispatcher::new(database.clone(), handlers, &settings);
        Self { database, topology, subscriber, dispatcher, health, settings }
    }

    /// Receives until `shutdown`, whatever happens to the broker and the database; then finishes the running batch,
    /// acknowledges it and closes the channel.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while let Err(error) = self.session(&shutdown).await {
            self.subscriber.close().await;
            self.database.metrics.broker.subscriber.set_state(false, self.subscriber.reconnects());
            if matches!(error, SessionError::ShuttingDown) {
                return;
            }
            let reason = error.to_string();
            if self.health.set("router", Condition::Down(reason.clone())) {
                warn!(reason, "the router can't receive: trying again until it can");
            }
            let rest = Duration::from_millis(fastrand::u64(200..500));
            let _ = tokio::time::timeout(rest, shutdown.cancelled()).await;
        }
    }
}
