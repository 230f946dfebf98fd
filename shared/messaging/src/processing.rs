//! One message through its handler: what the inbox and the re-driver have in common.

use std::time::{Duration, Instant};

use event::{Envelope, EventMeta};
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    database::Database,
    failpoint::{Failpoint, hit},
    failure::Failure,
    handler::Handlers,
    log::log_hop,
    message::{Outcome, ReceivedMessage, row_id},
    unit_of_work::UnitOfWork,
};

/// A handling was committed.
pub(crate) fn say_handled(database: &Database, meta: &EventMeta, local: Uuid, took: Duration) {
    database.metrics.inbox.handled(meta, took);
    log_hop("event handled", meta, local);
}

/// Runs the handler of `service` within the message's own span.
pub(crate) async fn handle_in_span(
    handlers: &Handlers,
    tx: &mut UnitOfWork,
    message: &ReceivedMessage,
    envelope: &Envelope,
    service: &str,
) -> Result<Outcome, Failure> {
    let begun = Instant::now();
    tx.mute(message.muted);
    handlers.handle(tx, envelope).instrument(message.span.clone()).await?;
    let took = begun.elapsed();
    hit(Failpoint::Handled).await;
    Ok(Outcome::Handled { local: tx.local_id().unwrap_or_else(|| row_id(message.id, service)), took })
}
