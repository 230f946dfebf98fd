//! The router: deliveries of the service's queue, in batches, through the layers to the handlers.
//!
//! One task reads them, so the order is this loop's and never the scheduler's. Only the router settles, and in two ways:
//! it acknowledges what the service has taken charge of, or it closes the channel, and everything comes again in its
//! place. A nack would put one message back behind its successors; a cancel would start the stand-by replica while this
//! one still holds messages.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    backoff::REST,
    bus::{Subscriber, Topology},
    database::Database,
    handler::Handlers,
    health::{Condition, Health},
};

mod dispatch;
mod session;
mod settings;

pub use dispatch::Dispatcher;
use settings::SIGN_OF_LIFE;
pub use settings::{RouterSettings, SessionError};

/// A session that lasted so long was a good one: what broke it is new.
const LASTED: Duration = Duration::from_secs(30);
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
        let dispatcher = Dispatcher::new(database.clone(), handlers, &settings).in_router(health.clone());
        Self { database, topology, subscriber, dispatcher, health, settings }
    }

    /// Receives until `shutdown`, whatever happens to the broker and the database; then finishes the running batch,
    /// acknowledges it and closes the channel.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut failures = 0;
        loop {
            let began = Instant::now();
            // What a panic leaves behind is closed with the session, and comes again.
            let ended = AssertUnwindSafe(self.session(&shutdown)).catch_unwind().await;
            let Err(error) = ended.unwrap_or(Err(SessionError::Panicked)) else { return };
            self.subscriber.close().await;
            self.database.metrics.broker.subscriber.set_state(false, self.subscriber.reconnects());
            if matches!(error, SessionError::ShuttingDown) {
                return;
            }
            let reason = error.to_string();
            if self.health.set("router", Condition::Down(reason.clone())) {
                warn!(reason, "the router can't receive: trying again until it can");
            }
            failures = if began.elapsed() > LASTED { 1 } else { failures + 1 };
            let rest = REST.after(failures);
            self.health.expect("router", true, rest + SIGN_OF_LIFE);
            let _ = timeout(rest, shutdown.cancelled()).await;
        }
    }
}
