//! The layers around what owns the transaction, outermost first:
//!
//! 1. **rate limit**, if one is set: a batch that must wait should not have its clock running;
//! 2. **trace**: a span for every message, around everything that may fail, so that failures show in it;
//! 3. **timeout**: outside the panic catcher, because a timeout is no panic, and inside the trace;
//! 4. **catch panic**: around all that is the service's, whose panics it turns into failures;
//! 5. the **service's own** layers ([`Handlers::batch_layer`](crate::handler::Handlers::batch_layer)), the first outermost.
//!
//! The stack wraps the transaction and not a single handler: a layer that gave up on one handler would leave its half
//! of the work in a transaction that others share. What should surround each handling, within the transaction, is a
//! [`HandlerLayer`]; what should surround one handler is a [`Handler`](crate::handler::Handler) that holds another, see
//! [`around`].

use std::time::Duration;

use tower::{
    Layer, Service, ServiceBuilder,
    util::{BoxCloneSyncService, BoxService, option_layer},
};

use crate::{
    failure::Failure,
    message::{Batch, Outcome},
};

mod around;
mod catch_panic;
mod from_fn;
mod inject_faults;
mod layers;
mod rate_limit;
mod timeout;
mod trace;

pub use around::{Around, around};
pub use from_fn::{FromFn, Next, from_fn};
pub use inject_faults::{Faults, FaultsError};
pub use layers::{BatchLayer, BatchResult, HandlerLayer};
use rate_limit::RateLimit;

/// The limits that the default stack keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Messages per second; no limit if not set.
    pub messages_per_second: Option<u64>,
    /// How long a batch may take, whatever its size. With the rest it stays below the 10 s of a shutdown.
    pub base: Duration,
    /// How much longer for each message in it.
    pub each: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { messages_per_second: None, base: Duration::from_secs(4), each: Duration::from_millis(30) }
    }
}

/// What the stack surrounds: takes a batch, gives what became of each message.
pub trait BatchService:
    Service<Batch, Response = Vec<Outcome>, Error = Failure, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> BatchService for S where
    S: Service<Batch, Response = Vec<Outcome>, Error = Failure, Future: Send> + Clone + Send + Sync + 'static
{
}

/// The default stack around `inner`, with the service's own layers next to it.
pub fn stack(
    inner: impl BatchService,
    limits: &Limits,
    own: &[BatchLayer],
) -> BoxService<Batch, Vec<Outcome>, Failure> {
    let Limits { messages_per_second, base, each } = *limits;
    let rate = messages_per_second.map(RateLimit::new);
    let rate = rate.map(|rate| from_fn(move |batch, next| rate.clone().limit(batch, next)));
    let inner = own.iter().rev().cloned().fold(BoxCloneSyncService::new(inner), |inner, layer| {
        BoxCloneSyncService::new(from_fn(move |batch, next| layer.run(batch, next)).layer(inner))
    });
    let service = ServiceBuilder::new()
        .layer(option_layer(rate))
        .layer(from_fn(trace::trace))
        .layer(from_fn(move |batch, next| timeout::timeout(batch, next, base, each)))
        .layer(from_fn(catch_panic::catch_panic))
        .service(inner);
    BoxService::new(service)
}
