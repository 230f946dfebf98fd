//! The layers that a service adds: around one handling, or around a batch.

use std::{fmt, sync::Arc};

use event::Envelope;
use futures_util::future::BoxFuture;

use super::Next;
use crate::{
    failure::Failure,
    message::{Batch, Outcome},
};

/// A layer around every handler of a service, whether the event comes from the queue, a history or `parked`.
pub trait HandlerLayer: Send + Sync + 'static {
    /// Runs `handling`, with something before it or behind it. An error rolls the handling back.
    fn around<'a>(
        &'a self,
        event: &'a Envelope,
        handling: BoxFuture<'a, Result<(), Failure>>,
    ) -> BoxFuture<'a, Result<(), Failure>>;
}

/// What became of each message of a batch.
pub type BatchResult = Result<Vec<Outcome>, Failure>;

type Around = dyn Fn(Batch, Next<Batch, Vec<Outcome>, Failure>) -> BoxFuture<'static, BatchResult> + Send + Sync;

/// A layer around every batch, outside of its transaction and inside of its time limit. From an async function, as in
/// [`from_fn`](super::from_fn()).
#[derive(Clone)]
pub struct BatchLayer(Arc<Around>);

impl BatchLayer {
    /// A layer that runs `function(batch, next)`.
    pub fn new<F, Fut>(function: F) -> Self
    where
        F: Fn(Batch, Next<Batch, Vec<Outcome>, Failure>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = BatchResult> + Send + 'static,
    {
        Self(Arc::new(move |batch, next| Box::pin(function(batch, next))))
    }

    pub(super) fn run(
        &self,
        batch: Batch,
        next: Next<Batch, Vec<Outcome>, Failure>,
    ) -> BoxFuture<'static, BatchResult> {
        (self.0)(batch, next)
    }
}

impl fmt::Debug for BatchLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BatchLayer")
    }
}
