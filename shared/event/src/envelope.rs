//! How an event looks on the wire: CloudEvents 1.0, structured JSON.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::TraceContext;

/// The media type of a structured CloudEvent in JSON (CloudEvents 1.0, JSON format, section 3).
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// The largest event that a service publishes, in bytes of its JSON form.
pub const MAX_SIZE: usize = 256 * 1024;

/// Who an event is and where it belongs: what every log line about it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventMeta {
    /// The event's id.
    pub id: Uuid,
    /// Its CloudEvents `type`.
    pub event_type: String,
    /// What it is about.
    pub subject: Uuid,
    /// The id of the event that began the flow.
    pub correlation_id: Uuid,
    /// The id of the event that this one answers.
    pub causation_id: Option<Uuid>,
}

/// The CloudEvents envelope (CloudEvents 1.0.2, section 3) with the extensions this fleet uses: `traceparent` and
/// `tracestate` (Distributed Tracing extension), `correlationid`, `causationid` and `sequence` (Sequence extension).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    specversion: SpecVersion,
    /// The event's id: what every inbox asks for.
    pub id: Uuid,
    /// The event's type, which is its exchange.
    #[serde(rename = "type")]
    pub event_type: String,
    /// `/` and the publishing service.
    pub source: String,
    /// What it is about: the key within which order is kept.
    pub subject: Uuid,
    /// When it was recorded, by its publisher's clock.
    pub time: Timestamp,
    datacontenttype: String,
    /// `/schemas/<type>/<version>`.
    pub dataschema: String,
    /// The trace that it belongs to: the context of the producer's span.
    #[serde(flatten)]
    pub trace: TraceContext,
    /// The id of the event that began the flow.
    #[serde(rename = "correlationid")]
    pub correlation_id: Uuid,
    /// The id of the event that this one answers; absent on the first.
    #[serde(rename = "causationid", default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// Its position in its publisher's outbox: grows per subject.
    #[serde(with = "sequence")]
    pub sequence: i64,
    /// The fact itself, decoded only by the handler that knows its type.
    pub data: Box<RawValue>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum SpecVersion {
    #[serde(rename = "1.0")]
    V1,
}

/// `sequence` is a string on the wire (CloudEvents has no 64-bit integers).
mod sequence {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub fn serialize<S: Serializer>(value: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// What an outbox row knows; [`Envelope::new`] adds what the specification wants.
#[derive(Debug)]
pub struct OutboxRecord {
    /// Who the event is.
    pub meta: EventMeta,
    /// The schema's version.
    pub version: i16,
    /// When it was recorded.
    pub time: Timestamp,
    /// Its position in the outbox.
    pub sequence: i64,
    /// The fact, as JSON.
    pub data: Box<RawValue>,
}

impl Envelope {
    /// The envelope of an event that `service` publishes within the trace `trace`.
    pub fn new(service: &str, event: OutboxRecord, trace: TraceContext) -> Self {
        let OutboxRecord { meta, version, time, sequence, data } = event;
        Self {
            specversion: SpecVersion::V1,
            id: meta.id,
            source: format!("/{service}"),
            subject: meta.subject,
            time,
            datacontenttype: "application/json".into(),
            dataschema: format!("/schemas/{}/{version}", meta.event_type),
            event_type: meta.event_type,
            trace,
            correlation_id: meta.correlation_id,
            causation_id: meta.causation_id,
            sequence,
            data,
        }
    }

    /// The version of its schema, as `dataschema` ends; `None` if that names none of its type.
    pub fn version(&self) -> Option<i16> {
        self.dataschema.strip_prefix("/schemas/")?.strip_prefix(&self.event_type)?.strip_prefix('/')?.parse().ok()
    }

    /// Who the event is.
    pub fn meta(&self) -> EventMeta {
        EventMeta {
            id: self.id,
            event_type: self.event_type.clone(),
            subject: self.subject,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_specversion_is_not_an_event_of_ours() {
        let json = r#"{"specversion": "1.0", "id": "019aa3c1-0000-7000-8000-000000000001", "type": "order_placed",
            "source": "/orders", "subject": "019aa3c1-0000-7000-8000-000000000002", "time": "2026-11-20T19:45:00Z",
            "datacontenttype": "application/json", "dataschema": "/schemas/order_placed/1",
            "correlationid": "019aa3c1-0000-7000-8000-000000000001", "sequence": "1", "data": {}}"#;
        assert!(serde_json::from_str::<Envelope>(json).is_ok());
        assert!(serde_json::from_str::<Envelope>(&json.replace("\"1.0\"", "\"0.3\"")).is_err());
    }
}
