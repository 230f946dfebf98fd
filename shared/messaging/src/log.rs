//! The log line of a hop: what a flow can be rebuilt from.

use event::{EventMeta, TraceContext};
use tracing::info;
use uuid::Uuid;

/// The one INFO line of a hop. `local` is what this step made (an event, a mail), or the inbox row's own id:
/// `transaction_id` is the correlation id, a dot, and `local`.
pub(crate) fn log_hop(message: &'static str, event: &EventMeta, local: Uuid) {
    log_hop_in(&TraceContext::default(), message, event, local);
}

/// The same for what has no span of its own: in the producer's, whose context is `trace`.
pub(crate) fn log_hop_in(trace: &TraceContext, message: &'static str, event: &EventMeta, local: Uuid) {
    info!(
        trace_id = trace.trace_id(),
        span_id = trace.span_id(),
        event_id = %event.id,
        event_type = event.event_type,
        correlation_id = %event.correlation_id,
        causation_id = event.causation_id.map(tracing::field::display),
        transaction_id = %format_args!("{}.{local}", event.correlation_id),
        subject = %event.subject,
        "{message}"
    );
}
