//! How long somebody rests who failed: longer each time, never in step with others who failed at the same moment.

use std::time::Duration;

/// Rests that double from the first to the longest, each a quarter shorter or longer by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

/// The rest of a loop whose turn, attempt or session failed.
pub const REST: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(5));

impl Backoff {
    /// From `first` up to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The rest after so many failures, from one.
    pub fn after(&self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(30));
        doubled.min(self.longest).mul_f64(0.75 + 0.5 * fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_with_jitter_up_to_the_longest() {
        let backoff = Backoff::new(Duration::from_millis(250), Duration::from_hours(1));
        for (failures, base) in [(0, 0.25), (1, 0.25), (2, 0.5), (3, 1.0), (10, 128.0), (u32::MAX, 3600.0)] {
            let seconds = backoff.after(failures).as_secs_f64();
            assert!((base * 0.75..=base * 1.25).contains(&seconds), "{failures} failures: {seconds} s");
        }
    }
}
