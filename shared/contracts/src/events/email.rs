//! What `email` publishes.

use event::EventType;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CustomerId, event_type};

const OWNER: &str = "email";

/// Every event of this owner.
pub const ALL: &[EventType] = &[EventType::of::<WelcomeEmailSent>(), EventType::of::<WelcomeEmailFailed>()];

/// The SMTP server accepted the welcome mail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WelcomeEmailSent {
    /// The customer.
    pub customer_id: CustomerId,
    /// The mail's `Message-ID`, without the angle brackets.
    pub message_id: String,
    /// When the server said yes.
    pub sent_at: Timestamp,
}
event_type!(WelcomeEmailSent, "welcome_email_sent");

/// The welcome mail will never be delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WelcomeEmailFailed {
    /// The customer.
    pub customer_id: CustomerId,
    /// Why.
    pub reason: FailureReason,
    /// When that was clear.
    pub failed_at: Timestamp,
}
event_type!(WelcomeEmailFailed, "welcome_email_failed");

/// Why a mail failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The server's verdict on the address.
    Refused,
    /// Not delivered within three days of the registration.
    Expired,
}
