//! The contracts: the services, their events, and the choreography, each declared once.

#![warn(missing_docs)]

pub mod choreography;
mod customer_id;
mod customer_name;
mod email_address;
pub mod events;
mod personal;
pub mod services;
#[cfg(feature = "testing")]
pub mod testing;

pub use customer_id::CustomerId;
pub use customer_name::{BadCustomerName, CustomerName};
pub use email_address::{BadEmailAddress, EmailAddress};
pub use personal::Personal;
pub use services::{Role, SERVICES, ServiceInfo};
