//! A fact, its type and its identity.

use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// A fact in the past tense, with everything a subscriber needs to act on it.
///
/// One type is one fanout exchange with one owner. Changes within a version only add fields.
pub trait Event: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The CloudEvents `type`, which is also the exchange's name.
    const TYPE: &'static str;
    /// The one service that publishes it.
    const OWNER: &'static str;
    /// The schema's version, the last part of `dataschema`.
    const VERSION: i16 = 1;

    /// What it is about: the key within which order is kept.
    fn subject(&self) -> Uuid;
}

/// An event type together with its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct EventType {
    /// The CloudEvents `type` and the exchange's name.
    pub name: &'static str,
    /// The service that declares the exchange and publishes.
    pub owner: &'static str,
}

impl EventType {
    /// The type of `E`.
    pub const fn of<E: Event>() -> Self {
        Self { name: E::TYPE, owner: E::OWNER }
    }
}

/// The id of a follow-up event: UUIDv5 (RFC 9562, section 5.5) of what caused it and which follow-up it is, so that a
/// replay into a rebuilt database makes the same one and every inbox downstream drops it.
pub fn derived_id(cause: Uuid, service: &str, event_type: &str, ordinal: usize) -> Uuid {
    Uuid::new_v5(&cause, format!("{service};{event_type};{ordinal}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_is_the_same_again_and_differs_by_every_part() {
        let cause = Uuid::now_v7();
        let id = derived_id(cause, "shipping", "order_shipped", 0);
        assert_eq!(id, derived_id(cause, "shipping", "order_shipped", 0));
        assert_ne!(id, derived_id(cause, "shipping", "order_shipped", 1));
        assert_ne!(id, derived_id(cause, "shipping", "order_returned", 0));
        assert_ne!(id, derived_id(cause, "billing", "order_shipped", 0));
        assert_ne!(id, derived_id(Uuid::now_v7(), "shipping", "order_shipped", 0));
    }
}
