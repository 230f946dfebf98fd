//! What RabbitMQ's HTTP API says of who is bound, consumes, publishes and may write.
//!
//! Exchanges, queues and bindings are as they are now. Consumers and publishers come from the broker's statistics, which
//! are some seconds late; who publishes where they know only with `management.rates_mode = detailed`. Rights are for
//! administrators' eyes only.

use serde::Deserialize;
use serde_json::Value;

use super::found::{Consumer, Exchange, Found, Publisher, Rights};
use crate::management::Management;

/// What a user may know who may look at everything.
pub async fn look(broker: &Management) -> anyhow::Result<Found> {
    let mut found = Found {
        exchanges: broker.get(&["exchanges", broker.vhost()]).await?,
        queues: broker.get(&["queues", broker.vhost()]).await?,
        bindings: broker.get(&["bindings", broker.vhost()]).await?,
        consumers: consumers(broker).await?,
        ..Found::default()
    };
    // The default exchange has no name to ask by, and what is the broker's own is nobody's.
    let named = |exchange: &&Exchange| !exchange.name.is_empty() && !exchange.name.starts_with("amq.");
    for exchange in found.exchanges.iter().filter(named) {
        found.publishers.extend(publishers(broker, &exchange.name).await?);
    }
    Ok(found)
}

/// What each user but administrators may do.
pub async fn rights(broker: &Management) -> anyhow::Result<Vec<Rights>> {
    let users: Vec<User> = broker.get(&["users"]).await?;
    let is_administrator = |rights: &Rights| users.iter().any(|user| user.name == rights.user && user.administers());
    let mut rights: Vec<Rights> = broker.get(&["vhosts", broker.vhost(), "permissions"]).await?;
    rights.retain(|rights| !is_administrator(rights));
    Ok(rights)
}

async fn consumers(broker: &Management) -> anyhow::Result<Vec<Consumer>> {
    #[derive(Deserialize)]
    struct Wire {
        queue: Name,
        channel_details: Value,
    }
    let consumers: Vec<Wire> = broker.get(&["consumers", broker.vhost()]).await?;
    let known = |Wire { queue, channel_details }| Some(Consumer { queue: queue.name, user: user(&channel_details)? });
    Ok(consumers.into_iter().filter_map(known).collect())
}

async fn publishers(broker: &Management, exchange: &str) -> anyhow::Result<Vec<Publisher>> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(default)]
        incoming: Vec<Incoming>,
    }
    #[derive(Deserialize)]
    struct Incoming {
        channel_details: Value,
    }
    let Wire { incoming } = broker.get(&["exchanges", broker.vhost(), exchange]).await?;
    let users = incoming.iter().filter_map(|incoming| user(&incoming.channel_details));
    Ok(users.map(|user| Publisher { exchange: exchange.to_owned(), user }).collect())
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
