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

/// Why waiting is in vain: what is waited for can't happen any more.
#[derive(Debug, thiserror::Error)]
#[error("it can't happen any more: {0}")]
pub struct Hopeless(pub String);

/// [`eventually`] with a time limit of its own. An error that is [`Hopeless`] ends the waiting at once.
pub async fn within<T, F: Future<Output = anyhow::Result<T>>>(
    limit: Duration,
    what: &str,
    probe: impl Fn() -> F,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match probe().await {
            Ok(answer) => return Ok(answer),
            Err(error) if error.is::<Hopeless>() => return Err(error).with_context(|| what.to_owned()),
            Err(error) if Instant::now() >= deadline => {
                return Err(error).with_context(|| format!("not within {limit:?}: {what}"));
            }
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_in_vain_is_told_at_once() {
        let probe = || async { Err::<(), _>(Hopeless("the mail has expired".into()).into()) };
        let error = eventually("the customer is onboarded", probe).await.expect_err("nobody is onboarded");
        assert_eq!(format!("{error:#}"), "the customer is onboarded: it can't happen any more: the mail has expired");
    }
}
