//! A row of the outbox as a message.

use event::{Envelope, EventMeta, OutboxRecord, TraceContext};
use serde_json::value::RawValue;
use sqlx::types::Json;
use tracing::{Span, field::Empty, info_span};

use uuid::Uuid;

use crate::bus::Message;

/// A claimed row.
pub(super) struct Row {
    pub seq: i64,
    pub event_id: Uuid,
    pub event_type: String,
    pub version: i16,
    pub subject: Uuid,
    pub correlation_id: Uuid,
    pub causation_id: Option<Uuid>,
    pub recorded_at: jiff_sqlx::Timestamp,
    pub traceparent: Option<String>,
    pub tracestate: Option<String>,
    pub data: Json<Box<RawValue>>,
}

/// A claimed row on its way, within its producer's span.
pub(super) struct OutgoingMessage {
    pub meta: EventMeta,
    pub span: Span,
    pub message: Message,
}

impl OutgoingMessage {
    pub fn new(row: &Row, service: &'static str) -> Result<Self, serde_json::Error> {
        let meta = EventMeta {
            id: row.event_id,
            event_type: row.event_type.clone(),
            subject: row.subject,
            correlation_id: row.correlation_id,
            causation_id: row.causation_id,
        };
        let stored = TraceContext { traceparent: row.traceparent.clone(), tracestate: row.tracestate.clone() };
        let span = producer_span(&meta);
        stored.continue_in(&span);
        let recorded = OutboxRecord {
            meta: meta.clone(),
            version: row.version,
            time: row.recorded_at.to_jiff(),
            sequence: row.seq,
            data: row.data.0.clone(),
        };
        let envelope = Envelope::new(service, recorded, TraceContext::of(&span));
        Ok(Self { meta, span, message: Message::new(&envelope)? })
    }
}

/// Named and attributed by OpenTelemetry's semantic conventions for messaging.
fn producer_span(meta: &EventMeta) -> Span {
    info_span!(
        "send",
        otel.name = %format_args!("send {}", meta.event_type),
        otel.kind = "producer",
        otel.status_code = Empty,
        messaging.system = "rabbitmq",
        messaging.operation.name = "send",
        "messaging.operation.type" = "send",
        messaging.destination.name = %meta.event_type,
        messaging.message.id = %meta.id,
        messaging.message.conversation_id = %meta.correlation_id,
    )
}
