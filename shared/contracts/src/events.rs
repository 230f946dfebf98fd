//! Every event of the fleet, one file per owner.

pub mod customer;
pub mod email;
pub mod loyalty;

/// Ties a struct to its event type: `event!(CustomerCreated, "customer_created", owner)`.
macro_rules! event {
    ($event:ident, $name:literal) => {
        impl event::Event for $event {
            const TYPE: &'static str = $name;
            const OWNER: &'static str = OWNER;

            fn subject(&self) -> uuid::Uuid {
                self.customer_id.0
            }
        }
    };
}
use event;
