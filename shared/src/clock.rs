//! The time, injected wherever behaviour depends on it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};

/// Where a service reads the time. Copies share one time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's.
    #[default]
    System,
    /// A test's: stands still (microseconds since the epoch) until it is moved.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at the present moment.
    pub fn manual() -> Self {
        Self::Manual(Arc::new(AtomicI64::new(system_now().as_microsecond())))
    }

    /// Now, in whole microseconds: Postgres stores no finer, and what was stored must equal what was published.
    pub fn now(&self) -> Timestamp {
        let micros = match self {
            Self::System => system_now().as_microsecond(),
            Self::Manual(micros) => micros.load(Ordering::SeqCst),
        };
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
    }

    /// Moves a manual clock on; the system's stays what it is.
    pub fn advance(&self, by: SignedDuration) {
        if let Self::Manual(micros) = self {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            micros.fetch_add(by, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the machine's time comes in")]
fn system_now() -> Timestamp {
    Timestamp::now()
}
