//! What a live broker has, and what live services say.

use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Debug, Default)]
pub struct Found {
    pub exchanges: Vec<Exchange>,
    pub queues: Vec<Queue>,
    pub bindings: Vec<Binding>,
    pub consumers: Vec<Consumer>,
    pub publishers: Vec<Publisher>,
    /// `None` if nobody could be asked.
    pub rights: Option<Vec<Rights>>,
    pub services: Vec<Registered>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Exchange {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub durable: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Queue {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// Users' and operators' policies that apply to it.
    #[serde(default)]
    pub policy: Option<String>,
    #[serde(default)]
    pub operator_policy: Option<String>,
    /// What both set together; an object, or an empty list.
    #[serde(default)]
    pub effective_policy_definition: Value,
}

impl Queue {
    /// The names of its policies.
    pub fn policies(&self) -> String {
        let names: Vec<_> = [&self.policy, &self.operator_policy].into_iter().flatten().map(String::as_str).collect();
        names.join(" and ")
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct Binding {
    /// The exchange; empty for the one that every queue is bound to.
    pub source: String,
    pub destination: String,
    /// `queue` or `exchange`.
    pub destination_type: String,
}

/// A user who consumes a queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Consumer {
    pub queue: String,
    pub user: String,
}

/// A user who has published to an exchange, on a channel that is open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Publisher {
    pub exchange: String,
    pub user: String,
}

/// What a user may do: regular expressions on names.
#[derive(Clone, Debug, Deserialize)]
pub struct Rights {
    pub user: String,
    pub configure: String,
    pub write: String,
}

/// What a service answers to `GET /topology`.
#[derive(Clone, Debug, Deserialize)]
pub struct Topology {
    pub service: String,
    pub publishes: Vec<String>,
    pub reacts_to: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Registered {
    /// The service that was asked.
    pub asked: &'static str,
    pub topology: Topology,
}
