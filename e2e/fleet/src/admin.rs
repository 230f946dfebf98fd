//! The administration of the services, over their operations ports.

use anyhow::{Context, ensure};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::{Answer, Api, send};

/// An operator.
#[derive(Clone, Debug)]
pub struct Admin {
    client: Client,
    api: Api,
    token: String,
}

impl Admin {
    /// Whoever knows the fleet's `ADMIN_TOKEN`.
    pub fn new(api: &Api, token: &str) -> anyhow::Result<Self> {
        Ok(Self { client: Client::builder().no_proxy().build()?, api: api.clone(), token: token.to_owned() })
    }

    /// Sends the retained events of `service` since `from` (RFC 3339) again; says how many.
    pub async fn republish(&self, service: &str, from: &str) -> anyhow::Result<u64> {
        let answer = self.ask(service, "/admin/republish", |request| request.json(&json!({ "from": from }))).await?;
        answer.json()["republished"].as_u64().with_context(|| format!("no number: {}", answer.text))
    }

    /// Tries everything that is parked in `service` again, at once; says how much.
    pub async fn retry_parked(&self, service: &str) -> anyhow::Result<u64> {
        let answer = self.ask(service, "/admin/parked/retry", |request| request).await?;
        answer.json()["retried"].as_u64().with_context(|| format!("no number: {}", answer.text))
    }

    /// Gives up a parked message.
    pub async fn discard(&self, service: &str, event_id: Uuid, reason: &str) -> anyhow::Result<()> {
        let body: Value = json!({ "reason": reason });
        self.ask(service, &format!("/admin/parked/{event_id}/discard"), |request| request.json(&body)).await.map(drop)
    }

    /// The event of a parked message.
    pub async fn parked_event(&self, service: &str, event_id: Uuid) -> anyhow::Result<Value> {
        let path = format!("/admin/parked/{event_id}");
        Ok(self.send(Method::GET, service, &path, |request| request).await?.json()["event"].take())
    }

    /// Puts `event` in the place of a parked message's, and tries it.
    pub async fn correct(&self, service: &str, event_id: Uuid, event: &Value) -> anyhow::Result<()> {
        let path = format!("/admin/parked/{event_id}");
        self.send(Method::PUT, service, &format!("{path}/event"), |request| request.json(event)).await?;
        self.ask(service, &format!("{path}/retry"), |request| request).await.map(drop)
    }

    async fn ask(
        &self,
        service: &str,
        path: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Answer> {
        self.send(Method::POST, service, path, with).await
    }

    async fn send(
        &self,
        method: Method,
        service: &str,
        path: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.api.urls(service).ops);
        let request = self.client.request(method, &url).bearer_auth(&self.token).header("x-operator", "drill");
        let answer = send(with(request)).await?;
        ensure!((200..300).contains(&answer.status), "{service} answers {} to {path}: {}", answer.status, answer.text);
        Ok(answer)
    }
}
