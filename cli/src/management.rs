//! RabbitMQ's HTTP API.

use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use client::{ApiError, FleetDir, http};
use reqwest::{Client, Method, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

/// How long an answer may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The HTTP API at one URL, as the user that the URL names, for one vhost.
pub struct Management {
    client: Client,
    url: Url,
    vhost: String,
}

/// Where an administrator reaches the broker.
#[derive(Clone, Debug, Args)]
pub struct BrokerArgs {
    /// The broker's HTTP API as an administrator, who alone may read rights and delete: `http://admin:PASSWORD@HOST:PORT`; if
    /// not given, that of the running fleet.
    #[arg(long, env, hide_env_values = true, value_name = "URL")]
    management_admin_url: Option<SecretString>,
    /// The fleet's vhost.
    #[arg(long, default_value = "/pasdetrois")]
    vhost: String,
    #[command(flatten)]
    pub fleet: FleetDir,
}

impl BrokerArgs {
    /// As an administrator; `None` if nobody says where.
    pub fn as_administrator(&self) -> anyhow::Result<Option<Management>> {
        self.find(self.management_admin_url.as_ref(), "MANAGEMENT_ADMIN_URL")
    }

    /// The API at `given`, else where the fleet's folder says under `name`; `None` if nobody says.
    pub fn find(&self, given: Option<&SecretString>, name: &str) -> anyhow::Result<Option<Management>> {
        let url = match given {
            Some(url) if !url.expose_secret().is_empty() => Some(url.clone()),
            _ => self.fleet.setting(name)?.map(SecretString::from),
        };
        let Some(url) = url else { return Ok(None) };
        // The parser's message could quote the password.
        let url = Url::parse(url.expose_secret()).map_err(|_| anyhow!("{name} is not a valid URL"))?;
        Ok(Some(Management { client: http::client()?, url, vhost: self.vhost.clone() }))
    }
}

impl Management {
    /// The vhost, as a segment of paths.
    pub fn vhost(&self) -> &str {
        &self.vhost
    }

    /// GET /api/…; slashes within a segment are escaped.
    pub async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> anyhow::Result<T> {
        let response = self.ask(Method::GET, segments).await?;
        response.json().await.with_context(|| format!("the broker's answer about {}", segments.join(" ")))
    }

    /// The same; `None` if there is no such thing.
    pub async fn get_if_there<T: DeserializeOwned>(&self, segments: &[&str]) -> anyhow::Result<Option<T>> {
        match self.get(segments).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// DELETE /api/…; done if there is no such thing.
    pub async fn delete(&self, segments: &[&str]) -> anyhow::Result<()> {
        match self.ask(Method::DELETE, segments).await {
            Err(error) if !is_not_found(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn ask(&self, method: Method, segments: &[&str]) -> anyhow::Result<Response> {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow!("the broker's URL is not a valid HTTP URL"))?
            .pop_if_empty()
            .push("api")
            .extend(segments);
        let response = http::send(self.client.request(method, url).timeout(TIME_LIMIT)).await;
        response.with_context(|| format!("the broker's HTTP API, asked for {}", segments.join(" ")))
    }
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ApiError>().is_some_and(|refused| refused.status == StatusCode::NOT_FOUND)
}
