//! Waiting for what other processes do and do not announce: until it is so, or a deadline.

use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, sleep};

/// Far longer than anything here takes; whoever waits for so long has found a fault.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Asks `probe` until it gives an answer, for at most [`PATIENCE`]. Its errors say why it is not so yet; the last one is
/// the failure's reason.
pub async fn eventually<T, F: Future<Output = anyhow::Result<T>>>(
    what: &str,
    probe: impl Fn() -> F,
) -> anyhow::Result<T> {
    within(PATIENCE, what, probe).await
}

/// [`eventually`] with a time limit of its own.
pub async fn within<T, F: Future<Output = anyhow::Result<T>>>(
    limit: Duration,
    what: &str,
    probe: impl Fn() -> F,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match probe().await {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() >= deadline => {
                return Err(error).with_context(|| format!("not within {limit:?}: {what}"));
            }
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}
