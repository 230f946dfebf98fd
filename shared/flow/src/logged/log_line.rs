//! A hop: one of the log lines that say what a service did with an event.

use contracts::choreography::observers;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a service did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all(serialize = "snake_case"))]
pub enum Step {
    /// It is in the publisher's outbox.
    #[serde(rename(deserialize = "event recorded"))]
    Recorded,
    /// The bus has it.
    #[serde(rename(deserialize = "event published"))]
    Published,
    /// The effect is committed.
    #[serde(rename(deserialize = "event handled"))]
    Handled,
    /// A copy was dropped.
    #[serde(rename(deserialize = "event already handled"))]
    AlreadyHandled,
    /// It will be tried again, or waits behind an earlier one of its customer.
    #[serde(rename(deserialize = "event parked"))]
    Parked,
    /// It needs a person.
    #[serde(rename(deserialize = "event dead"))]
    Dead,
}

impl Step {
    /// In a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Published => "published",
            Self::Handled => "handled",
            Self::AlreadyHandled => "already handled",
            Self::Parked => "parked",
            Self::Dead => "dead",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Level {
    #[serde(rename = "INFO")]
    Info,
}

/// One line. Ordered by time first; equal lines are the same line, read twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Hop {
    pub timestamp: Timestamp,
    level: Level,
    pub service: String,
    #[serde(rename = "message")]
    pub step: Step,
    pub event_id: Uuid,
    pub event_type: String,
    correlation_id: Option<Uuid>,
    pub causation_id: Option<Uuid>,
    pub transaction_id: Option<String>,
    pub subject: Option<Uuid>,
    pub trace_id: Option<Uuid>,
    /// Why it is parked or dead.
    pub reason: Option<String>,
    pub attempts: Option<u32>,
}

impl Hop {
    /// Reads a log line; `None` if it is anything but a hop, or an observer's: no flow waits for those. What stands before
    /// the JSON (Compose's prefix) is skipped.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = str::from_utf8(line).ok()?;
        // Most lines are spared the JSON parser.
        if !line.contains("\"event ") {
            return None;
        }
        let hop: Self = serde_json::from_str(&line[line.find('{')?..]).ok()?;
        (!observers().contains(&hop.service.as_str())).then_some(hop)
    }

    /// The event that began the flow. The line of an undecodable message knows only the message's own id.
    pub fn correlation_id(&self) -> Uuid {
        self.correlation_id.unwrap_or(self.event_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-11-20T22:17:26.008726Z","level":"INFO","service":"customer",
        "message":"event handled","event_id":"791e837c-f1f4-5c72-ab3b-471db0b121af","event_type":"status_points_added",
        "correlation_id":"01a1fb09-30ce-71ff-b577-23afd0e8be0d","span_id":"2478e138360cdc7f",
        "trace_id":"b6902b42d195e0d35ea22e6cb5894358"}"#;

    #[test]
    fn a_hop_is_read_also_behind_a_prefix() {
        let hop = Hop::parse(LINE.as_bytes()).unwrap();
        assert_eq!((hop.step, hop.service.as_str()), (Step::Handled, "customer"));
        assert_eq!(hop.trace_id.unwrap().simple().to_string(), "b6902b42d195e0d35ea22e6cb5894358");
        assert_eq!(Hop::parse(format!("customer-1  | {LINE}").as_bytes()), Some(hop));
    }

    #[test]
    fn everything_else_is_no_hop() {
        let others = [
            LINE.replace("INFO", "DEBUG"),
            LINE.replace("event handled", "event eaten"),
            LINE.replace("\"customer\"", "\"flow_view\""),
            LINE.replace("2026", "yesterday"),
            LINE[..200].to_owned(),
            "an \"event \" in plain text".to_owned(),
            r#"{"message":"started"}"#.to_owned(),
        ];
        for line in others {
            assert_eq!(Hop::parse(line.as_bytes()), None, "{line}");
        }
        assert_eq!(Hop::parse(b"\"event \xff{"), None);
    }
}
