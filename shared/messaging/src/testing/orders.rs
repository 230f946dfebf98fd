//! The example domain of tests: `orders` takes orders, `billing` writes their invoices.

use event::{Event, EventType};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Every event of `orders`.
pub const ORDERS: &[EventType] =
    &[EventType::of::<OrderPlaced>(), EventType::of::<OrderCompleted>(), EventType::of::<OrderCancelled>()];

/// Every event of `billing`.
pub const BILLING: &[EventType] = &[EventType::of::<InvoiceIssued>(), EventType::of::<InvoiceCancelled>()];

/// An order was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// The new order.
    pub order_id: Uuid,
    /// Where the receipt goes: what no list, log or metric may show.
    pub email: String,
    /// What the buyer wrote on it.
    pub note: String,
    /// When it was taken.
    pub placed_at: Timestamp,
}

/// An order is paid for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderCompleted {
    /// The order.
    pub order_id: Uuid,
    /// When.
    pub completed_at: Timestamp,
}

/// An order was called off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: Uuid,
    /// When.
    pub cancelled_at: Timestamp,
}

/// An invoice was written for an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InvoiceIssued {
    /// The order.
    pub order_id: Uuid,
    /// In cents.
    pub amount: i64,
    /// When.
    pub issued_at: Timestamp,
}

/// The invoice of a cancelled order is void.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InvoiceCancelled {
    /// The order.
    pub order_id: Uuid,
    /// When.
    pub cancelled_at: Timestamp,
}

macro_rules! event {
    ($event:ty, $name:literal, $owner:literal) => {
        impl Event for $event {
            const TYPE: &'static str = $name;
            const OWNER: &'static str = $owner;

            fn subject(&self) -> Uuid {
                self.order_id
            }
        }
    };
}

event!(OrderPlaced, "order_placed", "orders");
event!(OrderCompleted, "order_completed", "orders");
event!(OrderCancelled, "order_cancelled", "orders");
event!(InvoiceIssued, "invoice_issued", "billing");
event!(InvoiceCancelled, "invoice_cancelled", "billing");

/// The id of a new order.
pub fn order() -> Uuid {
    Uuid::now_v7()
}

/// An order with a note on it.
pub fn placed(order_id: Uuid, note: &str) -> OrderPlaced {
    OrderPlaced {
        order_id,
        email: "ada@example.com".to_owned(),
        note: note.to_owned(),
        placed_at: "2026-11-20T19:45:00Z".parse().expect("a time"),
    }
}
