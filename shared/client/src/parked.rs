//! What the services' parked messages are asked, and what they answer.

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strum::{Display, IntoStaticStr};
use uuid::Uuid;

use crate::{
    api_error::ApiError,
    http,
    operations::{Operations, Service},
    progress,
};

/// How many messages one request asks for.
const PAGE: usize = 500;

/// The state of a parked message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Display, IntoStaticStr, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum State {
    Waiting,
    Behind,
    Dead,
    Done,
    Discarded,
}

impl State {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether there is nothing to do about it any more.
    pub fn is_resolved(self) -> bool {
        matches!(self, Self::Done | Self::Discarded)
    }
}

/// A parked message in a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    pub event_id: Uuid,
    pub event_type: String,
    /// None if it is undecodable.
    pub subject: Option<Uuid>,
    pub state: State,
    /// The class of the last failure.
    pub reason: String,
    pub attempts: u32,
    pub parked_at: Timestamp,
    pub next_attempt_at: Option<Timestamp>,
    pub resolved_at: Option<Timestamp>,
    pub edited: bool,
    pub muted: bool,
}

/// An attempt that failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u32,
    pub at: Timestamp,
    pub reason: String,
    /// May hold personal data.
    pub error: String,
}

/// What an operator did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// As claimed.
    pub operator: String,
    pub action: String,
    pub reason: Option<String>,
    /// What was changed, as it was.
    pub before: Option<Value>,
    /// What was changed, as it is since then.
    pub after: Option<Value>,
    pub at: Timestamp,
}

/// All that a service knows of a parked message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    #[serde(flatten)]
    pub summary: Summary,
    /// The first message of its subject, which it waits for.
    pub waits_behind: Option<Uuid>,
    pub correlation_id: Option<Uuid>,
    pub trace_id: Option<String>,
    /// The text of the last failure.
    pub error: String,
    /// The event as it would be handled now; text if it is no JSON.
    pub event: Value,
    /// As it was delivered, if it was corrected since.
    pub original: Option<Value>,
    /// Oldest first.
    pub failures: Vec<Attempt>,
    /// Oldest first.
    pub audit: Vec<Entry>,
}

/// Which messages are meant.
#[derive(Clone, Debug, Default, Args)]
pub struct Filter {
    /// Only of this service.
    #[arg(long)]
    pub service: Option<Service>,
    /// Only in this state; if not given, all that are neither done nor discarded.
    #[arg(long)]
    pub state: Option<State>,
    /// Only of this event type.
    #[arg(long)]
    pub event_type: Option<String>,
    /// Only about this subject (a customer's id).
    #[arg(long)]
    pub subject: Option<Uuid>,
}

impl Filter {
    /// The services that may keep one.
    pub fn services(&self) -> Vec<Service> {
        self.service.map_or_else(|| Service::all().to_vec(), |service| vec![service])
    }

    /// As the API takes it.
    pub fn query(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("state", self.state.map(|state| state.to_string())),
            ("event_type", self.event_type.clone()),
            ("subject", self.subject.map(|id| id.to_string())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// What a service keeps, and which.
#[derive(Clone, Debug, Serialize)]
pub struct Kept<T> {
    pub service: Service,
    #[serde(flatten)]
    pub what: T,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Summary>,
    next_cursor: Option<String>,
}

/// At most `limit` messages of all services that the filter names, newest first.
pub async fn list(operations: &Operations, filter: &Filter, limit: usize) -> anyhow::Result<Vec<Kept<Summary>>> {
    let mut all = Vec::new();
    for service in filter.services() {
        all.extend(list_of(operations, service, filter, limit).await?);
    }
    all.sort_by_key(|kept: &Kept<Summary>| std::cmp::Reverse(kept.what.parked_at));
    all.truncate(limit);
    Ok(all)
}

async fn list_of(
    operations: &Operations,
    service: Service,
    filter: &Filter,
    limit: usize,
) -> anyhow::Result<Vec<Kept<Summary>>> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    while found.len() < limit {
        let some = (limit - found.len()).min(PAGE).to_string();
        let mut request = operations.request(service, Method::GET, "/parked")?.query(&filter.query());
        request = request.query(&[("limit", some)]);
        if let Some(cursor) = &cursor {
            request = request.query(&[("cursor", cursor)]);
        }
        let page: Page = http::send(request).await.with_context(|| service.name())?.json().await?;
        found.extend(page.items.into_iter().map(|what| Kept { service, what }));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(found)
}

/// The records of one event: each service that failed over it has its own.
pub async fn find(operations: &Operations, id: Uuid, service: Option<Service>) -> anyhow::Result<Vec<Kept<Record>>> {
    let mut found = Vec::new();
    for service in service.map_or_else(|| Service::all().to_vec(), |service| vec![service]) {
        match operations.ask(service, Method::GET, &format!("/parked/{id}")).await {
            Ok(response) => found.push(Kept { service, what: response.json().await? }),
            Err(error) if is_unknown(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn is_unknown(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ApiError>().is_some_and(|refusal| refusal.status == StatusCode::NOT_FOUND)
}

/// The one record that is meant; asks for `--service` if there are several.
pub fn the_one(records: Vec<Kept<Record>>) -> anyhow::Result<Option<Kept<Record>>> {
    if records.len() > 1 {
        let names: Vec<_> = records.iter().map(|record| record.service.name()).collect();
        bail!("{} keep this event: say which one by --service", names.join(" and "));
    }
    Ok(records.into_iter().next())
}

/// What is done to all messages that a filter selects.
#[derive(Clone, Debug)]
pub enum Change {
    /// They are tried again at once.
    Retry,
    /// They are given up, for this reason.
    Discard { reason: String },
}

impl Change {
    /// What a message is after it.
    pub fn done_is(&self) -> &'static str {
        match self {
            Self::Retry => "retried",
            Self::Discard { .. } => "discarded",
        }
    }
}

/// Does `change` to everything that `filter` selects in `service`; shows `each` number as it grows, and gives the last.
pub async fn change_all(
    operations: &Operations,
    service: Service,
    filter: &Filter,
    change: &Change,
    mut each: impl FnMut(u64),
) -> anyhow::Result<u64> {
    let (path, body) = match change {
        Change::Retry => ("/parked/retry", None),
        Change::Discard { reason } => ("/parked/discard", Some(json!({ "reason": reason }))),
    };
    let mut request = operations.request(service, Method::POST, path)?.query(&filter.query());
    if let Some(body) = body {
        request = request.json(&body);
    }
    let count = |progress: &Value| progress[change.done_is()].as_u64().unwrap_or_default();
    let response = http::send(request).await.with_context(|| service.name())?;
    let last = progress::until_done(response, |progress| each(count(progress))).await;
    Ok(count(&last.with_context(|| service.name())?))
}

/// Has everything that `filter` selects in `service` tried again at once; gives their number.
pub async fn retry_all(operations: &Operations, service: Service, filter: &Filter) -> anyhow::Result<u64> {
    change_all(operations, service, filter, &Change::Retry, |_| ()).await
}

/// Has a message tried again at once.
pub async fn retry(operations: &Operations, service: Service, id: Uuid) -> anyhow::Result<()> {
    operations.ask(service, Method::POST, &format!("/parked/{id}/retry")).await.map(drop)
}

/// Puts `event`, a JSON text, in the place of a message's.
pub async fn edit(operations: &Operations, service: Service, id: Uuid, event: String) -> anyhow::Result<()> {
    let request = operations.request(service, Method::PUT, &format!("/parked/{id}/event"))?;
    let request = request.header("content-type", "application/json").body(event);
    http::send(request).await.with_context(|| service.name()).map(drop)
}

/// Gives a message up.
pub async fn discard(operations: &Operations, service: Service, id: Uuid, reason: &str) -> anyhow::Result<()> {
    let request = operations.request(service, Method::POST, &format!("/parked/{id}/discard"))?;
    http::send(request.json(&json!({ "reason": reason }))).await.with_context(|| service.name()).map(drop)
}
