//! A layer around this service's handlers: one that takes long holds up a whole batch, so it is named.

use std::time::{Duration, Instant};

use event::Envelope;
use futures_util::{FutureExt, future::BoxFuture};
use messaging::{failure::Failure, middleware::HandlerLayer};
use tracing::warn;

/// Warns of each handling that takes longer.
#[derive(Clone, Copy, Debug)]
pub struct WarnAbove(pub Duration);

impl HandlerLayer for WarnAbove {
    fn around<'a>(
        &'a self,
        event: &'a Envelope,
        handling: BoxFuture<'a, Result<(), Failure>>,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let begun = Instant::now();
            let result = handling.await;
            let took = begun.elapsed();
            if took > self.0 {
                warn!(event_id = %event.id, event_type = event.event_type, ?took, "a handling takes long");
            }
            result
        }
        .boxed()
    }
}
