//! What a customer's facts mean for the mail: a row is queued, or what is queued is cancelled.

use std::sync::Arc;

use anyhow::Context;
use contracts::events::customer::{CustomerCreated, CustomerDeactivated};
use event::TraceContext;
use jiff::SignedDuration;
use messaging::{failure::HandlerError, handler::Handler, unit_of_work::UnitOfWork};
use tokio::sync::Notify;
use tracing::Span;
use uuid::Uuid;

use crate::store::{self, NewMail};

/// How long after the registration a welcome makes sense. It also keeps a rebuilt email service, which reads all of
/// history again, from mailing everybody.
pub const VALID: SignedDuration = SignedDuration::from_hours(3 * 24);

/// A customer registered: a welcome mail is queued, and the senders are woken.
pub struct Queue {
    /// The right side of every Message-ID.
    pub domain: String,
    /// Wakes the senders.
    pub queued: Arc<Notify>,
}

impl Handler<CustomerCreated> for Queue {
    async fn handle(&self, tx: &mut UnitOfWork, event: &CustomerCreated) -> Result<(), HandlerError> {
        let cause = tx.cause().cloned().context("a mail answers an event").map_err(HandlerError::Permanent)?;
        let mail = NewMail {
            id: Uuid::new_v5(&cause.id, b"welcome mail"),
            // Derived from the event: should the mail go out twice, both copies bear one id.
            message_id: format!("welcome.{}@{}", cause.id, self.domain),
            valid_until: event.registered_at + VALID,
            muted: tx.is_muted(),
            now: tx.now(),
            trace: TraceContext::of(&Span::current()),
            cause,
        };
        store::queue(tx.sql(), &mail, event).await?;
        tx.record_local_id(mail.id);
        tx.wake_on_commit(&self.queued);
        Ok(())
    }
}

/// The customer was deactivated: no more mail.
pub struct Stop;

impl Handler<CustomerDeactivated> for Stop {
    async fn handle(&self, tx: &mut UnitOfWork, event: &CustomerDeactivated) -> Result<(), HandlerError> {
        let now = tx.now();
        store::stop(tx.sql(), event.customer_id, now).await?;
        Ok(())
    }
}
