//! A trace as Jaeger's API gives it.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use e2e::api::Api;
use serde::Deserialize;

/// Jaeger's API.
pub struct Jaeger {
    api: Api,
    url: String,
}

/// The spans of a trace, and the processes that they are from.
#[derive(Debug, Default, Deserialize)]
pub struct Trace {
    pub spans: Vec<Span>,
    processes: HashMap<String, Process>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    #[serde(rename = "spanID")]
    pub id: String,
    pub operation_name: String,
    references: Vec<Reference>,
    #[serde(rename = "processID")]
    process_id: String,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    ref_type: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    service_name: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Vec<Trace>>,
}

impl Jaeger {
    pub fn new(api: Api, url: String) -> Self {
        Self { api, url }
    }

    /// The trace as far as it is there; without a span if it is not.
    pub async fn trace(&self, id: &str) -> anyhow::Result<Trace> {
        let answer = self.api.get(&format!("{}/api/traces/{id}", self.url)).await?;
        ensure!(answer.status == 200 || answer.status == 404, "{}: {}", answer.status, answer.text);
        let answer: Answer = serde_json::from_str(&answer.text).with_context(|| answer.text.clone())?;
        Ok(answer.data.and_then(|traces| traces.into_iter().next()).unwrap_or_default())
    }
}

impl Trace {
    /// `service: operation` of every span, sorted: what a whole trace is known by.
    pub fn shape(&self) -> Vec<String> {
        let name = |span: &Span| format!("{}: {}", self.service(span), span.operation_name);
        let mut names: Vec<_> = self.spans.iter().map(name).collect();
        names.sort();
        names
    }

    fn service(&self, span: &Span) -> &str {
        self.processes.get(&span.process_id).map_or("", |process| &process.service_name)
    }

    /// Each span is there once and bears no warning; one is the root, each other has one parent, which is there: a
    /// consumer's is its producer.
    pub fn ensure_sound(&self) -> anyhow::Result<()> {
        let by_id: HashMap<_, _> = self.spans.iter().map(|span| (span.id.as_str(), span)).collect();
        ensure!(by_id.len() == self.spans.len(), "a span is there twice: {:?}", self.shape());
        let mut roots = Vec::new();
        for span in &self.spans {
            let name = span.operation_name.as_str();
            ensure!(span.warnings.iter().flatten().next().is_none(), "{name}: {:?}", span.warnings);
            let Some(parent) = span.parent()? else {
                roots.push(name);
                continue;
            };
            let parent = by_id.get(parent).with_context(|| format!("the parent of {name} is not there"))?;
            if let Some(event) = name.strip_prefix("process ") {
                ensure!(parent.operation_name == format!("send {event}"), "{name} follows {}", parent.operation_name);
            }
        }
        ensure!(roots == ["POST /customers"], "{roots:?}");
        Ok(())
    }
}

impl Span {
    /// The one span that it is a child of.
    fn parent(&self) -> anyhow::Result<Option<&str>> {
        match self.references.as_slice() {
            [] => Ok(None),
            [one] if one.ref_type == "CHILD_OF" => Ok(Some(&one.span_id)),
            other => anyhow::bail!("{}: {other:?}", self.operation_name),
        }
    }
}
