//! What `loyalty` publishes.

use event::EventType;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CustomerId, event_type};

const OWNER: &str = "loyalty";

/// Every event of this owner.
pub const ALL: &[EventType] = &[EventType::of::<StatusPointsAdded>(), EventType::of::<StatusPointsRevoked>()];

/// Points were booked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusPointsAdded {
    /// The customer.
    pub customer_id: CustomerId,
    /// How many, more than 0.
    pub points: i64,
    /// The account's balance after it.
    pub balance: i64,
    /// When they were booked.
    pub booked_at: Timestamp,
}
event_type!(StatusPointsAdded, "status_points_added");

/// All points of a deactivated customer were taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusPointsRevoked {
    /// The customer.
    pub customer_id: CustomerId,
    /// How many were taken, 0 or more.
    pub points: i64,
    /// The account's balance after it.
    pub balance: i64,
    /// When they were taken.
    pub booked_at: Timestamp,
}
event_type!(StatusPointsRevoked, "status_points_revoked");
