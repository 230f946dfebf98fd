//! A handler's panic is a failure like any other: rolled back, parked, seen.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::Next;
use crate::{
    failure::Failure,
    message::{Batch, Outcome},
};

/// The transaction is dropped by the unwinding and so rolled back: nothing half-done survives to be looked at.
pub(super) async fn catch_panic(
    batch: Batch,
    next: Next<Batch, Vec<Outcome>, Failure>,
) -> Result<Vec<Outcome>, Failure> {
    AssertUnwindSafe(next.run(batch)).catch_unwind().await.unwrap_or(Err(Failure::Panicked))
}
