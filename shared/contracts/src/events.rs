//! Every event of the fleet, one file per owner.

pub mod customer;
pub mod email;
pub mod loyalty;

/// Ties a struct with a `customer_id` to its event type: `event_type!(CustomerCreated, "customer_created")`. Its owner is
/// the constant `OWNER` of the file.
#[macro_export]
macro_rules! event_type {
    ($event:ident, $name:literal) => {
        impl ::event::Event for $event {
            const TYPE: &'static str = $name;
            const OWNER: &'static str = OWNER;

            fn subject(&self) -> uuid::Uuid {
                self.customer_id.0
            }
        }
    };
}
