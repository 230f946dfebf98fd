//! How the parts of a service are, by name: what readiness is made of.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use crate::database::Database;

/// How a part of the service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It works.
    Up,
    /// It works, and waits for something that others must do.
    Waiting(String),
    /// It does not work: the service is not ready.
    Down(String),
}

/// The conditions of a service's parts. Copies share them.
#[derive(Clone, Debug, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<&'static str, Condition>>>,
}

impl Health {
    /// Says how `part` is; `true` if that is news.
    pub fn set(&self, part: &'static str, condition: Condition) -> bool {
        let mut parts = self.parts.lock();
        let is_news = parts.get(part) != Some(&condition);
        parts.insert(part, condition);
        is_news
    }

    /// How every part is.
    pub fn parts(&self) -> BTreeMap<&'static str, Condition> {
        self.parts.lock().clone()
    }

    /// How every part is now, the database included.
    pub async fn look(&self, database: &Database) -> BTreeMap<&'static str, Condition> {
        let mut parts = self.parts();
        let answers = database.answers().await;
        let condition = if answers { Condition::Up } else { Condition::Down("does not answer".into()) };
        parts.insert("database", condition);
        parts
    }
}

/// Whether the service can do its work: no part is down.
pub fn is_ready(parts: &BTreeMap<&'static str, Condition>) -> bool {
    !parts.values().any(|condition| matches!(condition, Condition::Down(_)))
}
