//! So many messages per second: tower's limit counts calls, and a call is a batch of any size.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use super::{BatchResult, Next};
use crate::{
    failure::Failure,
    message::{Batch, Outcome},
};

/// Spreads messages evenly: a batch begins when those before it have had their time. Copies share it.
#[derive(Clone, Debug)]
pub(super) struct RateLimit {
    each: Duration,
    /// When the next batch may begin.
    next: Arc<Mutex<Instant>>,
}

impl RateLimit {
    /// At most so many messages per second, more than 0.
    pub fn new(messages_per_second: u64) -> Self {
        let each = Duration::from_secs_f64(1.0 / f64::from(u32::try_from(messages_per_second).unwrap_or(u32::MAX)));
        Self { each, next: Arc::new(Mutex::new(Instant::now())) }
    }

    /// The layer.
    pub async fn limit(self, batch: Batch, next: Next<Batch, Vec<Outcome>, Failure>) -> BatchResult {
        sleep_until(self.take(batch.messages.len())).await;
        next.run(batch).await
    }

    /// When so many messages may begin, who then have had their time.
    fn take(&self, messages: usize) -> Instant {
        let mut next = self.next.lock();
        let begin = (*next).max(Instant::now());
        *next = begin + self.each.saturating_mul(u32::try_from(messages).unwrap_or(u32::MAX));
        begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_and_not_batches() {
        let limit = RateLimit::new(10);
        let (first, second, third) = (limit.take(5), limit.take(1), limit.take(1));
        assert_eq!(second - first, Duration::from_millis(500));
        assert_eq!(third - second, Duration::from_millis(100));
    }

    #[test]
    fn what_was_not_used_is_not_saved_up() {
        let now = Instant::now();
        let limit = RateLimit { each: Duration::from_secs(1), next: Arc::new(Mutex::new(now)) };
        let idle = now + Duration::from_millis(20);
        while Instant::now() < idle {
            std::thread::yield_now();
        }
        let first = limit.take(1);
        assert!(first >= idle);
        assert_eq!(limit.take(1) - first, Duration::from_secs(1));
    }
}
