//! Clients of the three public APIs and of the operations ports.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, bail, ensure};
use client::{Operations, Service};
use reqwest::{Client, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    eventually::{Hopeless, eventually},
    services,
};

/// Where a service answers.
#[derive(Clone, Debug)]
pub struct Urls {
    /// The public API.
    pub http: String,
    /// Health.
    pub ops: String,
}

/// The fleet over HTTP. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    urls: BTreeMap<&'static str, Urls>,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

/// A registration that was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    pub customer_id: Uuid,
    /// The id of `customer_created`: the flow's correlation id.
    pub event_id: Uuid,
    pub trace_id: String,
    pub email: String,
}

impl Answer {
    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The fields that a problem names, sorted.
    pub fn bad_fields(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        let mut fields: Vec<_> = errors.iter().filter_map(|error| Some(error["field"].as_str()?.to_owned())).collect();
        fields.sort();
        fields
    }

    /// Fails unless this is a problem (RFC 9457) with `status`.
    pub fn expect_problem(&self, status: u16) -> anyhow::Result<()> {
        let Self { status: actual, text, .. } = self;
        ensure!(*actual == status, "{status} was expected, not {actual}: {text}");
        ensure!(self.header("content-type") == "application/problem+json", "no problem+json: {self:?}");
        ensure!(self.json()["status"] == status, "the body says another status: {text}");
        Ok(())
    }

    /// Reads the 201 of a registration.
    pub fn registration(&self, email: &str) -> anyhow::Result<Registration> {
        ensure!(self.status == 201, "the registration was answered {}: {}", self.status, self.text);
        Ok(Registration {
            customer_id: self.json()["id"].as_str().context("no id in the body")?.parse()?,
            event_id: self.header("x-event-id").parse().context("x-event-id")?,
            trace_id: self.header("x-trace-id").to_owned(),
            email: email.to_owned(),
        })
    }
}

/// An address that nobody else has.
pub fn address(domain: &str) -> String {
    format!("{}@{domain}", Uuid::now_v7().simple())
}

impl Api {
    /// The fleet whose services are where `urls` says.
    pub fn new(urls: impl Fn(&'static str) -> anyhow::Result<Urls>) -> anyhow::Result<Self> {
        // Longer than the services' own limit of 9 s: it is their answer that is wanted.
        let client = Client::builder().timeout(Duration::from_secs(12)).no_proxy().build()?;
        let urls = services().into_iter().map(|service| Ok((service, urls(service)?)));
        Ok(Self { client, urls: urls.collect::<anyhow::Result<_>>()? })
    }

    /// The fleet whose URLs `setting` knows, as `CUSTOMER_URL`, `CUSTOMER_OPS_URL` and so on.
    pub fn of_settings(setting: impl Fn(&str) -> anyhow::Result<String>) -> anyhow::Result<Self> {
        Self::new(|service| {
            let name = service.to_uppercase();
            Ok(Urls { http: setting(&format!("{name}_URL"))?, ops: setting(&format!("{name}_OPS_URL"))? })
        })
    }

    /// The URLs of a service.
    ///
    /// # Panics
    /// If there is no such service.
    pub fn urls(&self, service: &str) -> &Urls {
        self.urls.get(service).unwrap_or_else(|| panic!("no service {service}"))
    }

    /// Administration, for whoever knows the fleet's `ADMIN_TOKEN`.
    pub fn operations(&self, token: &str) -> anyhow::Result<Operations> {
        let url = |service: Service| self.urls.get(service.name()).map(|urls| urls.ops.clone()).unwrap_or_default();
        Operations::new(|service| Ok(url(service)), token.into(), "drill")
    }

    /// A request to `path` of customer's API, to be sent with [`send`].
    pub fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.urls("customer").http))
    }

    /// A POST of a registration, to be sent with [`send`].
    pub fn registering(&self, email: &str, name: &str) -> RequestBuilder {
        self.request(reqwest::Method::POST, "/customers").json(&json!({ "email": email, "name": name }))
    }

    /// GET.
    pub async fn get(&self, url: &str) -> anyhow::Result<Answer> {
        send(self.client.get(url)).await
    }

    /// Registers `email`.
    pub async fn register(&self, email: &str) -> anyhow::Result<Registration> {
        send(self.registering(email, "Ada Lovelace")).await?.registration(email)
    }

    /// The customer.
    pub async fn customer(&self, id: Uuid) -> anyhow::Result<Value> {
        let answer = self.get(&format!("{}/customers/{id}", self.urls("customer").http)).await?;
        ensure!(answer.status == 200, "GET customer: {} {}", answer.status, answer.text);
        Ok(answer.json())
    }

    /// The customer's account; null if there is none.
    pub async fn account(&self, id: Uuid) -> anyhow::Result<Value> {
        let answer = self.get(&format!("{}/accounts/{id}", self.urls("loyalty").http)).await?;
        ensure!([200, 404].contains(&answer.status), "GET account: {} {}", answer.status, answer.text);
        Ok(if answer.status == 200 { answer.json() } else { Value::Null })
    }

    /// The points of each line of the customer's ledger.
    pub async fn ledger(&self, id: Uuid) -> anyhow::Result<Vec<i64>> {
        let account = self.account(id).await?;
        let lines = account["ledger"].as_array().cloned().unwrap_or_default();
        Ok(lines.iter().filter_map(|line| line["points"].as_i64()).collect())
    }

    /// The mails to the customer, as email shows them.
    pub async fn emails(&self, id: Uuid) -> anyhow::Result<Vec<Value>> {
        let answer = self.get(&format!("{}/emails?customer_id={id}", self.urls("email").http)).await?;
        ensure!(answer.status == 200, "GET emails: {} {}", answer.status, answer.text);
        Ok(answer.json()["emails"].as_array().cloned().unwrap_or_default())
    }

    /// Waits until the customer has `status`, and gives the customer.
    pub async fn until_status(&self, id: Uuid, status: &str) -> anyhow::Result<Value> {
        eventually(&format!("customer {id} is {status}"), || async {
            let customer = self.customer(id).await?;
            match customer["status"].as_str() {
                Some(now) if now == status => Ok(customer),
                // Nobody leaves these two.
                Some("onboarded" | "deactivated") => Err(Hopeless(customer.to_string()).into()),
                _ => bail!("{customer}"),
            }
        })
        .await
    }

    /// Readiness of a service.
    pub async fn ready(&self, service: &str) -> anyhow::Result<Answer> {
        self.get(&format!("{}/health/ready", self.urls(service).ops)).await
    }

    /// The value of `series`, a metric's name with its labels as the service writes them; `None` if it is not exported.
    pub async fn metric(&self, service: &str, series: &str) -> anyhow::Result<Option<f64>> {
        let text = self.get(&format!("{}/metrics", self.urls(service).ops)).await?.text;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        Ok(value.map(str::parse).transpose()?)
    }

    /// Waits until a service says that it is ready.
    pub async fn until_ready(&self, service: &str) -> anyhow::Result<()> {
        eventually(&format!("{service} is ready"), || async {
            let answer = self.ready(service).await?;
            ensure!(answer.status == 200, "{}", answer.text);
            Ok(())
        })
        .await
    }

    /// Waits until a service says that it is not ready because of each of `parts`, and why.
    pub async fn until_down(&self, service: &str, parts: &[&str]) -> anyhow::Result<()> {
        eventually(&format!("{service} says that it is not ready"), || async {
            let answer = self.ready(service).await?;
            let said = answer.json()["parts"].take();
            let down = |part: &&str| said[*part]["status"] == "down" && said[*part]["reason"].is_string();
            ensure!(answer.status == 503 && parts.iter().all(down), "{} {}", answer.status, answer.text);
            Ok(())
        })
        .await
    }

    /// Waits until a service has read the histories and consumes its queue.
    pub async fn until_caught_up(&self, service: &str) -> anyhow::Result<()> {
        eventually(&format!("{service} has caught up"), || async {
            let answer = self.ready(service).await?;
            let router = &answer.json()["parts"]["router"];
            ensure!(router["status"] == "up" && router["waiting_for"].is_null(), "{}", answer.text);
            Ok(())
        })
        .await
    }
}

/// Sends a request and reads the answer.
pub async fn send(request: RequestBuilder) -> anyhow::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, text: response.text().await? })
}
