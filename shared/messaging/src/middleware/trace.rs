//! A CONSUMER span for every message of a batch, by OpenTelemetry's semantic conventions for messaging.

use tracing::{Span, field::Empty, info_span};

use super::Next;
use crate::{
    failure::Failure,
    message::{Batch, Outcome, ReceivedMessage},
};

/// Opens the spans, and closes them when the batch is committed or rolled back: the flush is part of the work.
pub(super) async fn trace(mut batch: Batch, next: Next<Batch, Vec<Outcome>, Failure>) -> Result<Vec<Outcome>, Failure> {
    let count = batch.messages.len();
    for message in &mut batch.messages {
        message.span = consumer_span(message, count);
    }
    let spans: Vec<Span> = batch.messages.iter().map(|message| message.span.clone()).collect();
    let result = next.run(batch).await;
    if let Err(failure) = &result {
        for span in spans {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", failure.class());
        }
    }
    result
}

fn consumer_span(message: &ReceivedMessage, count: usize) -> Span {
    let span = info_span!(
        "process",
        otel.name = %format_args!("process {}", message.exchange),
        otel.kind = "consumer",
        otel.status_code = Empty,
        "error.type" = Empty,
        messaging.system = "rabbitmq",
        messaging.operation.name = "process",
        "messaging.operation.type" = "process",
        messaging.destination.name = %message.exchange,
        messaging.message.id = %message.id,
        messaging.message.conversation_id = Empty,
        messaging.batch.message_count = count,
    );
    if let Ok(envelope) = message.decoded() {
        span.record("messaging.message.conversation_id", envelope.correlation_id.to_string());
        // The producer's span is the parent and nothing else: a link that repeats the parent says nothing, and Jaeger would
        // show it in the parent's place. The conventions ask for links where a batch of messages shares one span.
        envelope.trace.continue_in(&span);
    }
    span
}
