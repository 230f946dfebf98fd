//! The contracts: every event of the fleet, one file per owner.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::EventType;

pub mod customer;
pub mod email;
pub mod loyalty;

/// The event that is called `name`, if it is one of the fleet's.
pub fn named(name: &str) -> Option<EventType> {
    [customer::ALL, email::ALL, loyalty::ALL].into_iter().flatten().find(|event| event.name == name).copied()
}

/// A customer's id, the same in every service: the subject of every event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct CustomerId(pub Uuid);

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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

/// Ties a struct to its event type: `event!(CustomerCreated, "customer_created", owner)`.
macro_rules! event {
    ($event:ident, $name:literal) => {
        impl crate::event::Event for $event {
            const TYPE: &'static str = $name;
            const OWNER: &'static str = OWNER;

            fn customer_id(&self) -> crate::events::CustomerId {
                self.customer_id
            }
        }
    };
}
use event;
