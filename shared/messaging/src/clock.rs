//! The time, and the ids that are made of it, injected wherever behaviour depends on them.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use uuid::{Builder, Uuid};

/// Where a service reads the time and draws its ids. Copies share one time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's.
    #[default]
    System,
    /// A test's: stands still until it is moved.
    Manual(Arc<Manual>),
}

/// What a test's clock shows, and what its ids are drawn from.
#[derive(Debug)]
pub struct Manual {
    /// Microseconds since the epoch.
    micros: AtomicI64,
    ids: Mutex<fastrand::Rng>,
}

impl Clock {
    /// A clock that stands at the present moment; its ids are random.
    pub fn manual() -> Self {
        Self::standing_at(system_now(), fastrand::Rng::new())
    }

    /// A clock that stands at `time` and whose ids follow from `seed`: the same again in the next run.
    pub fn seeded(time: Timestamp, seed: u64) -> Self {
        Self::standing_at(time, fastrand::Rng::with_seed(seed))
    }

    fn standing_at(time: Timestamp, ids: fastrand::Rng) -> Self {
        Self::Manual(Arc::new(Manual { micros: AtomicI64::new(time.as_microsecond()), ids: Mutex::new(ids) }))
    }

    /// Now, in whole microseconds: Postgres stores no finer, and what was stored must equal what was published.
    pub fn now(&self) -> Timestamp {
        let micros = match self {
            Self::System => system_now().as_microsecond(),
            Self::Manual(manual) => manual.micros.load(Ordering::SeqCst),
        };
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
    }

    /// A new UUIDv7.
    pub fn new_id(&self) -> Uuid {
        let Self::Manual(manual) = self else { return Uuid::now_v7() };
        let mut random = [0; 10];
        manual.ids.lock().fill(&mut random);
        let millis = self.now().as_millisecond().unsigned_abs();
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// Moves a manual clock on; the system's stays what it is.
    pub fn advance(&self, by: SignedDuration) {
        if let Self::Manual(manual) = self {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            manual.micros.fetch_add(by, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the machine's time comes in")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_a_seed_are_the_same_again_and_no_two_are_equal() {
        let ids = |seed| {
            let clock = Clock::seeded(Timestamp::UNIX_EPOCH, seed);
            [clock.new_id(), clock.new_id()]
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
        let [first, second] = ids(1);
        assert_ne!(first, second);
        assert_eq!(first.get_version_num(), 7);
    }
}
