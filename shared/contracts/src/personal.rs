//! What is about a person.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Text about a person (a name, an address). It travels in events and mails and nowhere else: it has no `Display`, and
/// its `Debug` shows nothing, so it can't reach a log line or a span by accident.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal(String);

impl Personal {
    /// Marks `text` as being about a person.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}
