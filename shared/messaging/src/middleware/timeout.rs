//! The time limit of a batch grows with it, which tower's fixed one can't.

use std::time::Duration;

use super::Next;
use crate::{
    failure::Failure,
    message::{Batch, Outcome},
};

/// Mostly the session's `statement_timeout` has ended a wait before; this catches a handler that waits on its own.
pub(super) async fn timeout(
    batch: Batch,
    next: Next<Batch, Vec<Outcome>, Failure>,
    base: Duration,
    each: Duration,
) -> Result<Vec<Outcome>, Failure> {
    let limit = base + each * u32::try_from(batch.messages.len()).unwrap_or(u32::MAX);
    tokio::time::timeout(limit, next.run(batch)).await.unwrap_or(Err(Failure::TimedOut(limit)))
}
