//! RabbitMQ's HTTP API, as far as it says who is bound, consumes, publishes and may write.
//!
//! Exchanges, queues and bindings are as they are now. Consumers and publishers come from the broker's statistics, which
//! are some seconds late; who publishes where they know only with `management.rates_mode = detailed`. Rights are for
//! administrators' eyes only.

use std::time::Duration;

use anyhow::{Context, anyhow};
use client::http;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::found::{Consumer, Exchange, Found, Publisher, Rights};

/// How long an answer may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The HTTP API at one URL, as the user that the URL names, for one vhost.
pub struct Management<'a> {
    client: &'a Client,
    url: Url,
    vhost: &'a str,
}

impl<'a> Management<'a> {
    pub fn new(client: &'a Client, url: &SecretString, vhost: &'a str) -> anyhow::Result<Self> {
        // The parser's message could quote the password.
        let url = Url::parse(url.expose_secret()).map_err(|_| anyhow!("MANAGEMENT_URL is not a valid URL"))?;
        Ok(Self { client, url, vhost })
    }

    /// What a user may know who may look at everything.
    pub async fn look(&self) -> anyhow::Result<Found> {
        let mut found = Found {
            exchanges: self.get(&["exchanges", self.vhost]).await?,
            queues: self.get(&["queues", self.vhost]).await?,
            bindings: self.get(&["bindings", self.vhost]).await?,
            consumers: self.consumers().await?,
            ..Found::default()
        };
        // The default exchange has no name to ask by, and what is the broker's own is nobody's.
        let named = |exchange: &&Exchange| !exchange.name.is_empty() && !exchange.name.starts_with("amq.");
        for exchange in found.exchanges.iter().filter(named) {
            found.publishers.extend(self.publishers(&exchange.name).await?);
        }
        Ok(found)
    }

    /// What each user but administrators may do.
    pub async fn rights(&self) -> anyhow::Result<Vec<Rights>> {
        let users: Vec<User> = self.get(&["users"]).await?;
        let is_administrator =
            |rights: &Rights| users.iter().any(|user| user.name == rights.user && user.administers());
        let mut rights: Vec<Rights> = self.get(&["vhosts", self.vhost, "permissions"]).await?;
        rights.retain(|rights| !is_administrator(rights));
        Ok(rights)
    }

    async fn consumers(&self) -> anyhow::Result<Vec<Consumer>> {
        #[derive(Deserialize)]
        struct Wire {
            queue: Name,
            channel_details: Value,
        }
        let consumers: Vec<Wire> = self.get(&["consumers", self.vhost]).await?;
        let known =
            |Wire { queue, channel_details }| Some(Consumer { queue: queue.name, user: user(&channel_details)? });
        Ok(consumers.into_iter().filter_map(known).collect())
    }

    async fn publishers(&self, exchange: &str) -> anyhow::Result<Vec<Publisher>> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default)]
            incoming: Vec<ReceivedMessage>,
        }
        #[derive(Deserialize)]
        struct ReceivedMessage {
            channel_details: Value,
        }
        let Wire { incoming } = self.get(&["exchanges", self.vhost, exchange]).await?;
        let users = incoming.iter().filter_map(|incoming| user(&incoming.channel_details));
        Ok(users.map(|user| Publisher { exchange: exchange.to_owned(), user }).collect())
    }

    /// GET /api/…; slashes within a segment are escaped.
    async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> anyhow::Result<T> {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow!("MANAGEMENT_URL is not a valid HTTP URL"))?
            .pop_if_empty()
            .push("api")
            .extend(segments);
        let response = http::send(self.client.get(url).timeout(TIME_LIMIT)).await;
        let response = response.with_context(|| format!("the broker's HTTP API, asked for {}", segments.join(" ")))?;
        response.json().await.with_context(|| format!("the broker's answer about {}", segments.join(" ")))
    }
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct User {
    name: String,
    tags: Value,
}

impl User {
    /// Tags are a list, or, in older versions, words with commas between.
    fn administers(&self) -> bool {
        match &self.tags {
            Value::String(tags) => tags.split(',').any(|tag| tag.trim() == "administrator"),
            tags => tags.as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "administrator")),
        }
    }
}

/// Of a channel that has just been opened or closed the statistics do not know the user, and 4.x lists those who have read a
/// stream long after they have gone.
fn user(channel_details: &Value) -> Option<String> {
    channel_details["user"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_administrator_is_known_by_the_tag_alone() {
        let administers = |tags| User { name: "admin".into(), tags }.administers();
        assert!(administers(json!(["monitoring", "administrator"])) && administers(json!("monitoring, administrator")));
        assert!(!administers(json!(["monitoring"])) && !administers(json!("")) && !administers(json!([])));
    }

    #[test]
    fn of_a_channel_without_details_nobody_is_known() {
        assert_eq!(user(&json!({ "user": "loyalty" })).as_deref(), Some("loyalty"));
        assert_eq!(user(&json!([])), None);
    }
}
