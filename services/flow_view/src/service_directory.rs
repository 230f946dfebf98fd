//! The services that take part, as their operations ports show them: looked at every two seconds.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Context;
use messaging::worker::{Next, TurnFailed, Worker};
use metrics::scrape::Scrape;
use parking_lot::Mutex;
use reqwest::{Client, redirect::Policy};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::inbox_status::{InboxStatus, MessageStatus};
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::config::FlowViewConfig;

/// How often they are looked at.
const EVERY: Duration = Duration::from_secs(2);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A service, as far as one can see from outside.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct ServiceHealth {
    pub name: String,
    /// Whether its operations port answers.
    pub answers: bool,
    /// Whether it says that it is ready; null while it does not answer.
    pub ready: Option<bool>,
    /// What it waits for, in its own words.
    pub reasons: Vec<String>,
    /// Events that are committed and not published yet.
    pub outbox: Option<Outbox>,
    /// Messages that it could not handle.
    pub parked: Option<Parked>,
}

/// The state of an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Outbox {
    pub unpublished: u64,
    /// The age of the oldest of them.
    pub oldest_seconds: f64,
}

/// How many messages a service keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Parked {
    pub waiting: u64,
    pub behind: u64,
    pub dead: u64,
}

impl Outbox {
    fn of(metrics: &Scrape) -> Option<Self> {
        let unpublished = count(metrics.sum("outbox_unpublished_events", &[])?);
        Some(Self { unpublished, oldest_seconds: metrics.sum("outbox_oldest_unpublished_seconds", &[])? })
    }
}

impl Parked {
    fn of(metrics: &Scrape) -> Option<Self> {
        let in_state = |state| metrics.sum("parked_messages", &[("state", state)]).map(count);
        Some(Self { waiting: in_state("waiting")?, behind: in_state("behind")?, dead: in_state("dead")? })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of rows, as a metric")]
fn count(value: f64) -> u64 {
    value as u64
}

/// All of them. Copies share what was seen last.
#[derive(Clone, Debug)]
pub struct ServiceDirectory {
    client: Client,
    urls: Arc<BTreeMap<&'static str, Url>>,
    seen: Arc<Mutex<BTreeMap<&'static str, ServiceHealth>>>,
}

impl ServiceDirectory {
    /// Those that the choreography names.
    pub fn new(config: &FlowViewConfig) -> anyhow::Result<Self> {
        let urls = config.operations.by_service().clone();
        // A redirect could lead a token elsewhere, and so could a proxy: all addresses are internal.
        let client = Client::builder().timeout(Duration::from_secs(8)).redirect(Policy::none()).no_proxy().build()?;
        Ok(Self { client, urls: Arc::new(urls), seen: Arc::default() })
    }

    /// For requests to them.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// `path` on the operations port of `service`; `None` if no such service takes part.
    pub fn url(&self, service: &str, path: &str) -> Option<Url> {
        let mut url = self.urls.get(service)?.clone();
        url.set_path(path);
        Some(url)
    }

    /// How they looked the last time, in alphabetical order.
    pub fn seen(&self) -> Vec<ServiceHealth> {
        self.seen.lock().values().cloned().collect()
    }

    /// Whether `service` did not answer the last time.
    pub fn is_unreachable(&self, service: &str) -> bool {
        let seen = self.seen.lock();
        seen.get(service).is_some_and(|neighbour| !neighbour.answers)
    }

    /// Looks at all of them at once.
    pub async fn look(&self) {
        let looks = self.urls.keys().map(|name| async { (*name, self.look_at(name).await) });
        let looked = futures_util::future::join_all(looks).await;
        let mut seen = self.seen.lock();
        seen.extend(looked);
    }

    async fn look_at(&self, name: &'static str) -> ServiceHealth {
        let away = ServiceHealth { name: name.to_owned(), ..ServiceHealth::default() };
        let Some((ready, parts)) = self.readiness(name).await else { return away };
        let metrics = self.metrics(name).await;
        ServiceHealth {
            answers: true,
            ready: Some(ready),
            reasons: parts.iter().filter_map(|(part, state)| state.reason(part)).collect(),
            outbox: metrics.as_ref().and_then(Outbox::of),
            parked: metrics.as_ref().and_then(Parked::of),
            ..away
        }
    }

    async fn readiness(&self, name: &str) -> Option<(bool, BTreeMap<String, Part>)> {
        let url = self.url(name, "/health/ready")?;
        let answer = self.client.get(url).timeout(PATIENCE).send().await.ok()?;
        let ready = answer.status().is_success();
        let body: Value = answer.json().await.ok()?;
        Some((ready, serde_json::from_value(body["parts"].clone()).ok()?))
    }

    async fn metrics(&self, name: &str) -> Option<Scrape> {
        let url = self.url(name, "/metrics")?;
        let answer = self.client.get(url).timeout(PATIENCE).send().await.ok()?;
        let text = answer.error_for_status().ok()?.text().await.ok()?;
        Some(Scrape::parse(&text))
    }

    /// What `service` says of messages.
    pub async fn inbox_status(&self, service: &str, ids: &[Uuid]) -> anyhow::Result<Vec<MessageStatus>> {
        let mut url = self.url(service, "/inbox").context("no such service takes part")?;
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        url.query_pairs_mut().append_pair("ids", &ids.join(","));
        let answer = self.client.get(url).timeout(PATIENCE).send().await?.error_for_status()?;
        Ok(answer.json::<InboxStatus>().await?.messages)
    }
}

impl Worker for ServiceDirectory {
    fn part(&self) -> &'static str {
        "directory"
    }

    fn trouble(&self) -> &'static str {
        "the services can't be looked at"
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        self.look().await;
        Ok(Next::Within(EVERY))
    }
}

/// A part of `/health/ready`.
#[derive(Debug, Deserialize)]
struct Part {
    reason: Option<String>,
    waiting_for: Option<String>,
}

impl Part {
    fn reason(&self, part: &str) -> Option<String> {
        self.reason.as_ref().or(self.waiting_for.as_ref()).map(|reason| format!("{part}: {reason}"))
    }
}
