//! What the services wrote: one JSON object a line, in `<service>.jsonl`.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::PathBuf,
};

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::eventually::eventually;

/// The messages that alone suffice to rebuild a flow.
pub const HOPS: [&str; 6] =
    ["event recorded", "event published", "event handled", "event already handled", "event parked", "event dead"];

/// A folder of logs.
#[derive(Clone, Debug)]
pub struct Logs {
    folder: PathBuf,
}

/// A line about one step of an event.
#[derive(Clone, Debug, Deserialize)]
pub struct Hop {
    pub service: String,
    pub message: String,
    pub event_id: Uuid,
    pub event_type: String,
    pub correlation_id: Uuid,
    pub causation_id: Option<Uuid>,
    pub transaction_id: String,
    pub subject: Uuid,
    pub trace_id: Option<String>,
    pub span_id: Option<String>,
}

impl Logs {
    /// The logs in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Everything that `service` wrote.
    pub fn text(&self, service: &str) -> anyhow::Result<String> {
        let path = self.folder.join(format!("{service}.jsonl"));
        fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))
    }

    /// How long the log of `service` is by now, in bytes; zero if there is none.
    pub fn length(&self, service: &str) -> u64 {
        fs::metadata(self.folder.join(format!("{service}.jsonl"))).map_or(0, |file| file.len())
    }

    /// How often `service` says that it has handled each event, in what it wrote after its first `offset` bytes.
    pub fn handled_since(&self, service: &str, offset: u64) -> anyhow::Result<HashMap<Uuid, usize>> {
        let mut file = fs::File::open(self.folder.join(format!("{service}.jsonl")))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut handled = HashMap::new();
        for line in BufReader::new(file).lines() {
            let line = line?;
            // A process that was killed may have left half a line.
            if line.contains(r#""message":"event handled""#)
                && let Ok(hop) = serde_json::from_str::<Hop>(&line)
            {
                *handled.entry(hop.event_id).or_default() += 1;
            }
        }
        Ok(handled)
    }

    /// The complete lines of all services that have begun to write.
    pub fn lines(&self) -> anyhow::Result<Vec<Value>> {
        let mut lines = Vec::new();
        for service in crate::services() {
            let Ok(text) = self.text(service) else { continue };
            // The last line may be half-written.
            for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                lines.push(serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?);
            }
        }
        ensure!(!lines.is_empty(), "no logs in {}", self.folder.display());
        Ok(lines)
    }

    /// All hops.
    pub fn hops(&self) -> anyhow::Result<Vec<Hop>> {
        let lines = self.lines()?.into_iter();
        let hops = lines.filter(|line| HOPS.iter().any(|hop| line["message"] == *hop) && !line["subject"].is_null());
        hops.map(|line| Ok(serde_json::from_value(line)?)).collect()
    }

    /// The hops of one flow.
    pub fn flow(&self, correlation_id: Uuid) -> anyhow::Result<Vec<Hop>> {
        Ok(self.hops()?.into_iter().filter(|hop| hop.correlation_id == correlation_id).collect())
    }

    /// Waits for a flow to have a hop for each of `expected` (service, message, event type), and gives its hops.
    pub async fn until_flow(&self, correlation_id: Uuid, expected: &[(&str, &str, &str)]) -> anyhow::Result<Vec<Hop>> {
        eventually(&format!("the log lines of flow {correlation_id} are complete"), || async {
            let hops = self.flow(correlation_id)?;
            for wanted in expected {
                ensure!(hops.iter().any(|hop| hop.is(*wanted)), "missing: {wanted:?}");
            }
            Ok(hops)
        })
        .await
    }
}

impl Hop {
    /// Whether it is this service's line about an event of this type.
    pub fn is(&self, (service, message, event_type): (&str, &str, &str)) -> bool {
        self.service == service && self.message == message && self.event_type == event_type
    }
}

/// What a registration leaves in the logs when it ends onboarded.
pub const ONBOARDED: [(&str, &str, &str); 12] = [
    ("customer", "event recorded", "customer_created"),
    ("customer", "event published", "customer_created"),
    ("email", "event handled", "customer_created"),
    ("loyalty", "event handled", "customer_created"),
    ("email", "event recorded", "welcome_email_sent"),
    ("email", "event published", "welcome_email_sent"),
    ("loyalty", "event recorded", "status_points_added"),
    ("loyalty", "event published", "status_points_added"),
    ("customer", "event handled", "welcome_email_sent"),
    ("customer", "event handled", "status_points_added"),
    ("customer", "event recorded", "customer_onboarded"),
    ("customer", "event published", "customer_onboarded"),
];
