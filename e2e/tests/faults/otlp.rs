//! A tracing backend: takes OTLP over HTTP, keeps the spans.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, ensure};
use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use e2e::eventually::eventually;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use parking_lot::Mutex;
use prost::Message;
use tokio::net::TcpListener;
use uuid::Uuid;

/// A span, and the service that it came from.
#[derive(Clone, Debug)]
pub struct Traced {
    pub service: String,
    pub span: Span,
}

/// What has arrived. It listens as long as the test's runtime lives.
#[derive(Clone, Debug, Default)]
pub struct Backend {
    spans: Arc<Mutex<Vec<Traced>>>,
}

impl Backend {
    /// Listens, and says where.
    pub async fn listen() -> anyhow::Result<(Self, String)> {
        let backend = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let routes = Router::new().route("/v1/traces", post(receive)).with_state(backend.clone());
        tokio::spawn(axum::serve(listener, routes).into_future());
        Ok((backend, url))
    }

    /// Waits until the trace has spans of all these names, and gives its spans.
    pub async fn until_trace(&self, trace_id: &str, names: &[&str]) -> anyhow::Result<Vec<Traced>> {
        eventually(&format!("trace {trace_id} is complete"), || async {
            let spans = self.trace(trace_id);
            for name in names {
                ensure!(spans.iter().any(|traced| traced.span.name == *name), "no span {name:?}");
            }
            Ok(spans)
        })
        .await
    }

    /// Every span that has arrived.
    pub fn all(&self) -> Vec<Traced> {
        self.spans.lock().clone()
    }

    fn trace(&self, trace_id: &str) -> Vec<Traced> {
        let spans = self.spans.lock();
        spans.iter().filter(|traced| traced.trace_id().as_deref() == Some(trace_id)).cloned().collect()
    }
}

async fn receive(State(backend): State<Backend>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
    let mut spans = backend.spans.lock();
    for resource_spans in request.resource_spans {
        let resource = resource_spans.resource.unwrap_or_default();
        let service = attribute(&resource.attributes, "service.name").unwrap_or_default().to_owned();
        let found = resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.extend(found.map(|span| Traced { service: service.clone(), span }));
    }
    StatusCode::OK
}

impl Traced {
    /// 32 hex digits, as a UUID without its hyphens.
    fn trace_id(&self) -> Option<String> {
        Some(Uuid::from_slice(&self.span.trace_id).ok()?.simple().to_string())
    }

    /// A text attribute; empty if there is none.
    pub fn attribute(&self, name: &str) -> &str {
        attribute(&self.span.attributes, name).unwrap_or_default()
    }

    /// The span that this one is a child of.
    pub fn parent<'a>(&self, spans: &'a [Self]) -> anyhow::Result<&'a Self> {
        let parent = spans.iter().find(|other| other.span.span_id == self.span.parent_span_id);
        parent.with_context(|| format!("the parent of {:?} is not in the trace", self.span.name))
    }

    /// The names of the spans above this one, nearest first.
    pub fn ancestors(&self, spans: &[Self]) -> anyhow::Result<Vec<String>> {
        let by_id: HashMap<_, _> = spans.iter().map(|traced| (&traced.span.span_id, traced)).collect();
        let (mut names, mut at) = (Vec::new(), self);
        while !at.span.parent_span_id.is_empty() {
            at = by_id.get(&at.span.parent_span_id).context("a parent is not in the trace")?;
            names.push(at.span.name.clone());
        }
        Ok(names)
    }
}

fn attribute<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}
