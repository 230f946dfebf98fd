//! What `customer` publishes.

use event::EventType;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CustomerId, CustomerName, EmailAddress, event_type};

const OWNER: &str = "customer";

/// Every event of this owner.
pub const ALL: &[EventType] =
    &[EventType::of::<CustomerCreated>(), EventType::of::<CustomerOnboarded>(), EventType::of::<CustomerDeactivated>()];

/// A registration was committed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomerCreated {
    /// The new customer.
    pub customer_id: CustomerId,
    /// Where the welcome mail goes.
    pub email: EmailAddress,
    /// How the mail addresses them.
    pub name: CustomerName,
    /// When they registered.
    pub registered_at: Timestamp,
}
event_type!(CustomerCreated, "customer_created");

/// The welcome mail was sent and the joining points are booked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomerOnboarded {
    /// The customer.
    pub customer_id: CustomerId,
    /// When the second of the two facts arrived.
    pub onboarded_at: Timestamp,
}
event_type!(CustomerOnboarded, "customer_onboarded");

/// The welcome mail failed for good: the registration is undone by everyone who acted on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomerDeactivated {
    /// The customer.
    pub customer_id: CustomerId,
    /// Why.
    pub reason: DeactivationReason,
    /// When.
    pub deactivated_at: Timestamp,
}
event_type!(CustomerDeactivated, "customer_deactivated");

/// Why a customer was deactivated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeactivationReason {
    /// The mail server refuses the address.
    EmailRefused,
    /// The mail could not be delivered while it was valid.
    EmailExpired,
}
