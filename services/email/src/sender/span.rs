//! The span of a delivery.

use event::TraceContext;
use tracing::{Span, field::Empty, info_span};

use crate::store::lease::Leased;

/// In the trace of the registration, as the handler that queued the mail left it.
pub fn delivery_span(mail: &Leased) -> Span {
    let span = info_span!(
        "deliver mail",
        otel.kind = "client",
        mail.id = %mail.id,
        mail.attempt = mail.attempt,
        mail.verdict = Empty,
        event_id = %mail.cause.id,
        event_type = mail.cause.event_type,
        correlation_id = %mail.cause.correlation_id,
        transaction_id = %format_args!("{}.{}", mail.cause.correlation_id, mail.id),
        customer_id = %mail.customer_id,
    );
    let trace: &TraceContext = &mail.trace;
    trace.continue_in(&span);
    span
}
