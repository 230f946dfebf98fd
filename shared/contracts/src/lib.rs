//! The contracts: the services, their events, and the choreography, each declared once.

#![warn(missing_docs)]

pub mod choreography;
mod customer_id;
pub mod events;
mod personal;
pub mod services;

pub use customer_id::CustomerId;
pub use personal::Personal;
pub use services::{Role, SERVICES, ServiceInfo};
