//! The layers around what owns the transaction, outermost first:
//!
//! 1. **rate limit** (tower's), if one is set: a batch that must wait should not have its clock running;
//! 2. **trace**: a span for every message, around everything that may fail, so that failures show in it;
//! 3. **timeout**: outside the panic catcher, because a timeout is no panic, and inside the trace;
//! 4. **catch panic**: next to the handlers, whose panics it turns into failures.
//!
//! The stack wraps the transaction and not a single handler: a layer that gave up on one handler would leave its half
//! of the work in a transaction that others share. Middleware of our own are async functions ([`from_fn()`]); one that
//! should surround a single handler is a [`Handler`](crate::handler::Handler) that holds another, see [`around`].

use std::time::Duration;

use tower::{
    Service, ServiceBuilder,
    limit::RateLimitLayer,
    util::{BoxService, option_layer},
};

use crate::{
    failure::Failure,
    message::{Batch, Outcome},
};

mod around;
mod catch_panic;
mod from_fn;
mod inject_faults;
mod timeout;
mod trace;

pub use around::{Around, around};
pub use from_fn::{FromFn, Next, from_fn};
pub use inject_faults::{Faults, FaultsError};

/// The limits that the default stack keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Batches per second; none if not set.
    pub rate: Option<u64>,
    /// How long a batch may take, whatever its size. With the rest it stays below the 10 s of a shutdown.
    pub base: Duration,
    /// How much longer for each message in it.
    pub each: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rate: None, base: Duration::from_secs(4), each: Duration::from_millis(30) }
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

/// The default stack around `inner`.
pub fn stack(inner: impl BatchService, limits: &Limits) -> BoxService<Batch, Vec<Outcome>, Failure> {
    let Limits { rate, base, each } = *limits;
    let rate = rate.map(|batches| RateLimitLayer::new(batches, Duration::from_secs(1)));
    let service = ServiceBuilder::new()
        .layer(option_layer(rate))
        .layer(from_fn(trace::trace))
        .layer(from_fn(move |batch, next| timeout::timeout(batch, next, base, each)))
        .layer(from_fn(catch_panic::catch_panic))
        .service(inner);
    BoxService::new(service)
}
