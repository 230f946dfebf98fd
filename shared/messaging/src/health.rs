//! How the parts of a service are, by name: what readiness is made of.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::database::Database;

/// How a part of the service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It works.
    Up,
    /// It works, or nobody needs it to be ready, and it waits for something.
    Waiting(String),
    /// It does not work: the service is not ready.
    Down(String),
}

/// What a part said last, and by when it will say something again.
#[derive(Clone, Debug)]
struct Part {
    condition: Condition,
    expected: Option<Expected>,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    from: Instant,
    within: Duration,
    vital: bool,
}

/// The conditions of a service's parts. Copies share them.
#[derive(Clone, Debug, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<&'static str, Part>>>,
}

impl Health {
    /// Says how `part` is; `true` if that is news.
    pub fn set(&self, part: &'static str, condition: Condition) -> bool {
        let mut parts = self.parts.lock();
        let Some(known) = parts.get_mut(part) else {
            parts.insert(part, Part { condition, expected: None });
            return true;
        };
        std::mem::replace(&mut known.condition, condition) != known.condition
    }

    /// The next sign of life of `part` will come `within` this time. When that is over it counts as stuck, whatever it said
    /// before: a service that needs it is not ready.
    pub fn expect(&self, part: &'static str, vital: bool, within: Duration) {
        let expected = Some(Expected { from: Instant::now(), within, vital });
        let mut parts = self.parts.lock();
        parts.entry(part).or_insert(Part { condition: Condition::Up, expected: None }).expected = expected;
    }

    /// How every part is.
    pub fn parts(&self) -> BTreeMap<&'static str, Condition> {
        self.parts.lock().iter().map(|(name, part)| (*name, part.now())).collect()
    }

    /// How every part is now, the database included.
    pub async fn look(&self, database: &Database) -> BTreeMap<&'static str, Condition> {
        let mut parts = self.parts();
        let condition = match (database.answers().await, database.trouble.reason()) {
            (true, None) => Condition::Up,
            (true, Some(reason)) => Condition::Down(reason.into()),
            (false, _) => Condition::Down("does not answer".into()),
        };
        parts.insert("database", condition);
        parts
    }
}

impl Part {
    fn now(&self) -> Condition {
        match self.expected {
            Some(Expected { from, within, vital }) if from.elapsed() > within => {
                let reason = format!("no sign of life for {} s", from.elapsed().as_secs());
                if vital { Condition::Down(reason) } else { Condition::Waiting(reason) }
            }
            _ => self.condition.clone(),
        }
    }
}

/// Whether the service can do its work: no part is down.
pub fn is_ready(parts: &BTreeMap<&'static str, Condition>) -> bool {
    !parts.values().any(|condition| matches!(condition, Condition::Down(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_gives_no_sign_of_life_is_not_up_whatever_it_said() {
        let health = Health::default();
        health.set("relay", Condition::Up);
        health.expect("relay", true, Duration::ZERO);
        health.expect("purge", false, Duration::ZERO);
        std::thread::sleep(Duration::from_millis(2));
        assert!(matches!(&health.parts()["relay"], Condition::Down(reason) if reason.contains("no sign of life")));
        assert!(matches!(health.parts()["purge"], Condition::Waiting(_)));
        health.expect("relay", true, Duration::from_mins(1));
        assert_eq!(health.parts()["relay"], Condition::Up);
    }

    #[test]
    fn what_is_said_twice_is_no_news() {
        let health = Health::default();
        assert!(health.set("relay", Condition::Up));
        assert!(!health.set("relay", Condition::Up));
        assert!(health.set("relay", Condition::Waiting("others".into())));
    }
}
