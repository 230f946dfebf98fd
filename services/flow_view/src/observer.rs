//! Writes down what it sees: who an event is and when it was, never what it says.

use event::Envelope;
use messaging::{failure::HandlerError, handler::Observer, unit_of_work::UnitOfWork};

use crate::store;

/// Sees every event of the fleet.
pub struct EveryEvent;

impl Observer for EveryEvent {
    async fn observe(&self, tx: &mut UnitOfWork, event: &Envelope) -> Result<(), HandlerError> {
        let seen_at = tx.now();
        Ok(store::see(tx.sql(), event, seen_at).await?)
    }
}
