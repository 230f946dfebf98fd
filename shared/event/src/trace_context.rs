//! A trace to go on with, as W3C Trace Context.

use std::collections::HashMap;

use opentelemetry::{Context, propagation::TextMapPropagator, trace::TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use serde::{Deserialize, Serialize};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The largest `tracestate` that is passed on (W3C Trace Context, section 3.3.1.5, asks for at least 512 bytes).
const MAX_TRACESTATE: usize = 512;

/// A trace to go on with, as W3C Trace Context headers: kept in outbox rows and envelopes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    /// `00-<trace id>-<span id>-<flags>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Vendors' additions, passed through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
}

impl TraceContext {
    /// The context of `span`.
    pub fn of(span: &Span) -> Self {
        let mut carrier = HashMap::new();
        TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
        let filled = |name: &str, carrier: &mut HashMap<String, String>| {
            carrier.remove(name).filter(|value| !value.is_empty() && value.len() <= MAX_TRACESTATE)
        };
        Self { traceparent: filled("traceparent", &mut carrier), tracestate: filled("tracestate", &mut carrier) }
    }

    /// The id of the trace, as Jaeger shows it; `None` if this is no valid context.
    pub fn trace_id(&self) -> Option<String> {
        let context = self.extract();
        let span = context.span();
        span.span_context().is_valid().then(|| span.span_context().trace_id().to_string())
    }

    /// The producer's span, as 16 hex digits.
    pub fn span_id(&self) -> Option<String> {
        Some(self.traceparent.as_deref()?.split('-').nth(2)?.to_owned())
    }

    /// The same for OpenTelemetry; empty if this is no valid context.
    pub fn extract(&self) -> Context {
        let pairs = [("traceparent", &self.traceparent), ("tracestate", &self.tracestate)];
        let carrier: HashMap<String, String> =
            pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect();
        TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
    }

    /// Makes this the parent of `span`, which must not have been entered yet.
    pub fn continue_in(&self, span: &Span) {
        let parent = self.extract();
        if parent.span().span_context().is_valid() {
            // Fails only for a span that nobody records or that has begun: then there is no trace to go on with.
            let _ = span.set_parent(parent);
        }
    }
}

/// The trace id of `span`, 32 hex digits; zeros if nothing records it.
pub fn trace_id(span: &Span) -> String {
    span.context().span().span_context().trace_id().to_string()
}
