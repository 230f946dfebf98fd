//! What an event is, and how it looks on the wire: CloudEvents 1.0, structured JSON.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{events::CustomerId, telemetry::TraceContext};

/// The media type of a structured CloudEvent in JSON (CloudEvents 1.0, JSON format, section 3).
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// The largest event that a service publishes, in bytes of its JSON form.
pub const MAX_SIZE: usize = 256 * 1024;

/// A fact in the past tense, with everything a subscriber needs to act on it.
///
/// One type is one fanout exchange with one owner. Changes within a version only add fields.
pub trait Event: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The CloudEvents `type`, which is also the exchange's name.
    const TYPE: &'static str;
    /// The one service that publishes it.
    const OWNER: &'static str;
    /// The schema's version, the last part of `dataschema`.
    const VERSION: i16 = 1;

    /// The customer it is about: the key within which order is kept.
    fn customer_id(&self) -> CustomerId;
}

/// An event type together with its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct EventType {
    /// The CloudEvents `type` and the exchange's name.
    pub name: &'static str,
    /// The service that declares the exchange and publishes.
    pub owner: &'static str,
}

impl EventType {
    /// The type of `E`.
    pub const fn of<E: Event>() -> Self {
        Self { name: E::TYPE, owner: E::OWNER }
    }
}

/// Who an event is and where it belongs: what every log line about it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventMeta {
    /// The event's id.
    pub id: Uuid,
    /// Its CloudEvents `type`.
    pub event_type: String,
    /// Its subject.
    pub customer_id: CustomerId,
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
    /// The customer.
    pub subject: CustomerId,
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
    /// Its position in its publisher's outbox: grows per customer.
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
pub struct Recorded {
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
    pub fn new(service: &str, event: Recorded, trace: TraceContext) -> Self {
        let Recorded { meta, version, time, sequence, data } = event;
        Self {
            specversion: SpecVersion::V1,
            id: meta.id,
            source: format!("/{service}"),
            subject: meta.customer_id,
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

    /// Who the event is.
    pub fn meta(&self) -> EventMeta {
        EventMeta {
            id: self.id,
            event_type: self.event_type.clone(),
            customer_id: self.subject,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
        }
    }
}

/// The id of a follow-up event: UUIDv5 (RFC 9562, section 5.5) of what caused it and which follow-up it is, so that a
/// replay into a rebuilt database makes the same one and every inbox downstream drops it.
pub fn derived_id(cause: Uuid, service: &str, event_type: &str, ordinal: usize) -> Uuid {
    Uuid::new_v5(&cause, format!("{service};{event_type};{ordinal}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_is_the_same_again_and_differs_by_every_part() {
        let cause = Uuid::now_v7();
        let id = derived_id(cause, "email", "welcome_email_sent", 0);
        assert_eq!(id, derived_id(cause, "email", "welcome_email_sent", 0));
        assert_ne!(id, derived_id(cause, "email", "welcome_email_sent", 1));
        assert_ne!(id, derived_id(cause, "email", "welcome_email_failed", 0));
        assert_ne!(id, derived_id(cause, "loyalty", "welcome_email_sent", 0));
        assert_ne!(id, derived_id(Uuid::now_v7(), "email", "welcome_email_sent", 0));
    }

    #[test]
    fn another_specversion_is_not_an_event_of_ours() {
        let json = include_str!("../tests/golden/customer_created.1.json");
        assert!(serde_json::from_str::<Envelope>(json).is_ok());
        assert!(serde_json::from_str::<Envelope>(&json.replace("\"1.0\"", "\"0.3\"")).is_err());
    }
}
