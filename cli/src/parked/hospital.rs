//! What the services' hospitals are asked, and what they answer.

use anyhow::{Context, bail};
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::FilterArgs;
use crate::{
    operations::{Operations, Service},
    refusal::Refusal,
};

/// How many messages one request asks for.
const PAGE: usize = 500;

/// A parked message, and who keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    #[serde(skip_deserializing, default = "nobody")]
    pub service: Service,
    pub event_id: Uuid,
    pub event_type: String,
    pub customer_id: Option<Uuid>,
    pub state: String,
    pub reason: String,
    pub attempts: i32,
    pub parked_at: Timestamp,
    pub next_attempt_at: Option<Timestamp>,
    pub resolved_at: Option<Timestamp>,
    pub edited: bool,
    pub muted: bool,
}

fn nobody() -> Service {
    Service::Customer
}

impl Summary {
    /// Neither done nor discarded.
    pub fn is_unresolved(&self) -> bool {
        !matches!(self.state.as_str(), "done" | "discarded")
    }
}

/// Everything that is known of a parked message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    #[serde(flatten)]
    pub summary: Summary,
    pub waits_behind: Option<Uuid>,
    pub correlation_id: Option<Uuid>,
    pub trace_id: Option<String>,
    pub error: String,
    pub event: Value,
    pub original: Option<Value>,
    pub failures: Vec<Attempt>,
    pub audit: Vec<Entry>,
}

/// An attempt that failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    pub number: i32,
    pub at: Timestamp,
    pub reason: String,
    pub error: String,
}

/// A line of the audit trail.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub operator: String,
    pub action: String,
    pub reason: Option<String>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub at: Timestamp,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Summary>,
    next_cursor: Option<String>,
}

/// At most `limit` messages of all services that the filter names, newest first.
pub async fn list(operations: &Operations, filter: &FilterArgs, limit: usize) -> anyhow::Result<Vec<Summary>> {
    let mut all = Vec::new();
    for service in filter.services() {
        all.extend(list_of(operations, service, filter, limit).await?);
    }
    all.sort_by_key(|summary| std::cmp::Reverse(summary.parked_at));
    all.truncate(limit);
    Ok(all)
}

async fn list_of(
    operations: &Operations,
    service: Service,
    filter: &FilterArgs,
    limit: usize,
) -> anyhow::Result<Vec<Summary>> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    while found.len() < limit {
        let some = (limit - found.len()).min(PAGE).to_string();
        let mut request = operations.request(service, Method::GET, "/parked")?.query(&filter.query());
        request = request.query(&[("limit", some)]);
        if let Some(cursor) = &cursor {
            request = request.query(&[("cursor", cursor)]);
        }
        let page: Page = crate::http::send(request).await.with_context(|| service.name())?.json().await?;
        found.extend(page.items.into_iter().map(|summary| Summary { service, ..summary }));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(found)
}

/// The records of one event: each service that failed over it has its own.
pub async fn find(operations: &Operations, id: Uuid, service: Option<Service>) -> anyhow::Result<Vec<Record>> {
    let mut found = Vec::new();
    for service in service.map_or_else(|| Service::ALL.to_vec(), |service| vec![service]) {
        match operations.ask(service, Method::GET, &format!("/parked/{id}")).await {
            Ok(response) => {
                let mut record: Record = response.json().await?;
                record.summary.service = service;
                found.push(record);
            }
            Err(error) if is_unknown(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn is_unknown(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.status == StatusCode::NOT_FOUND)
}

/// The one record that is meant; asks for `--service` if there are several.
pub fn the_one(records: Vec<Record>) -> anyhow::Result<Option<Record>> {
    if records.len() > 1 {
        let names: Vec<_> = records.iter().map(|record| record.summary.service.name()).collect();
        bail!("{} keep this event: say which one by --service", names.join(" and "));
    }
    Ok(records.into_iter().next())
}
