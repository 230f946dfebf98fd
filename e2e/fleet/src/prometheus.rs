//! A Prometheus, through its HTTP API: what it knows, and whom it would tell.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use reqwest::Client;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::api::send;

/// Where it answers.
#[derive(Clone, Debug)]
pub struct Prometheus {
    client: Client,
    url: String,
}

/// What a query gives for some labels.
#[derive(Clone, Debug, Deserialize)]
pub struct Sample {
    /// The time, and the number as a text.
    value: (f64, String),
}

/// An alerting rule.
#[derive(Clone, Debug, Deserialize)]
pub struct Rule {
    pub name: String,
    pub query: String,
    /// `ok`, unless its last evaluation failed.
    pub health: String,
}

/// An alert that is pending or firing.
#[derive(Clone, Debug, Deserialize)]
pub struct Alert {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub state: String,
}

impl Sample {
    /// Whether it is a number: no quantile of nothing, no share of nothing.
    pub fn is_number(&self) -> bool {
        self.value.1 != "NaN"
    }
}

impl Alert {
    /// Whether it is this rule's, with this label.
    pub fn is(&self, rule: &str, (label, value): (&str, &str)) -> bool {
        let has = |label: &str, value| self.labels.get(label).is_some_and(|found| found == value);
        has("alertname", rule) && has(label, value)
    }
}

impl Prometheus {
    /// The one at `url`.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self { client: Client::builder().no_proxy().build()?, url: url.to_owned() })
    }

    /// What the query gives now.
    pub async fn query(&self, query: &str) -> anyhow::Result<Vec<Sample>> {
        self.get("query", &[("query", query)], "/data/result").await
    }

    /// The values that a label has, on the series that `matching` selects.
    pub async fn label_values(&self, label: &str, matching: &str) -> anyhow::Result<Vec<String>> {
        self.get(&format!("label/{label}/values"), &[("match[]", matching)], "/data").await
    }

    /// Every rule of every group.
    pub async fn rules(&self) -> anyhow::Result<Vec<Rule>> {
        #[derive(Deserialize)]
        struct Group {
            rules: Vec<Rule>,
        }
        let groups: Vec<Group> = self.get("rules", &[], "/data/groups").await?;
        Ok(groups.into_iter().flat_map(|group| group.rules).collect())
    }

    /// Every alert that is pending or firing.
    pub async fn alerts(&self) -> anyhow::Result<Vec<Alert>> {
        self.get("alerts", &[], "/data/alerts").await
    }

    /// What the answer to a GET has at `pointer`.
    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)], pointer: &str) -> anyhow::Result<T> {
        let answer = send(self.client.get(format!("{}/api/v1/{path}", self.url)).query(query)).await?;
        ensure!(answer.status == 200, "Prometheus answers {}: {}", answer.status, answer.text);
        let found = answer.json().pointer_mut(pointer).map(Value::take).context("an answer of another shape")?;
        Ok(serde_json::from_value(found)?)
    }
}
