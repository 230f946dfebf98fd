//! What services may be given and must not take (feature `testing`).

use event::Event;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CustomerId, events::customer::CustomerCreated};

/// `customer_created` as a broken or hostile publisher says it: any texts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hostile {
    customer_id: CustomerId,
    email: String,
    name: String,
    registered_at: Timestamp,
}

impl Event for Hostile {
    const TYPE: &'static str = CustomerCreated::TYPE;
    const OWNER: &'static str = CustomerCreated::OWNER;

    fn subject(&self) -> Uuid {
        self.customer_id.0
    }
}

/// Texts that no customer could have registered, each about somebody else, with how it is refused; `eve` is in some, and may
/// be in no error.
pub fn hostile(registered_at: Timestamp) -> [(Hostile, &'static str); 3] {
    let by = |email: &str, name: &str| Hostile {
        customer_id: CustomerId(Uuid::now_v7()),
        email: email.to_owned(),
        name: name.to_owned(),
        registered_at,
    };
    [
        (by("ada@example.com", "Ada\r\nBcc: eve@example.com"), "a name must not have control"),
        (by("ada@example.com\r\nBcc: eve@example.com", "Ada"), "an email address must be"),
        (by("ada@example.com", ""), "a name must not be empty"),
    ]
}
