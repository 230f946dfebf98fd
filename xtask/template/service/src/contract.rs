//! What `template_service` publishes.

// <template>
use contracts::{CustomerId, Role, ServiceInfo, event_type};
// </template>
use event::EventType;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
// <instance>
//=
//= use crate::{CustomerId, event_type};
// </instance>

const OWNER: &str = "template_service";

// <template>
/// The template is no part of the fleet: nothing starts it, and the ports are nobody's.
pub const TEMPLATE_SERVICE: ServiceInfo =
    ServiceInfo { name: OWNER, http_port: 8099, operations_port: 9099, role: Role::Participant };

// </template>
/// Every event of this owner.
pub const ALL: &[EventType] = &[EventType::of::<TemplateServiceRecorded>()];

/// A customer was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TemplateServiceRecorded {
    /// The customer.
    pub customer_id: CustomerId,
    /// When.
    pub recorded_at: Timestamp,
}
event_type!(TemplateServiceRecorded, "template_service_recorded");
