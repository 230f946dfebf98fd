//! Logs and traces: JSON lines on stdout, OTLP to wherever `OTEL_EXPORTER_OTLP_ENDPOINT` points.
//!
//! The two have filters of their own. A global filter would disable the spans that `RUST_LOG` hides, and with them the
//! trace: the next service would then see an id of all zeros.

use tracing::Span;

mod best_effort;
mod format;
pub mod jaeger_propagator;
mod log_writer;
mod otel_variables;
mod setup;

pub use setup::{LogFormat, Telemetry, TelemetryConfig};

/// The span under which all tasks of one service run: gives their log lines the `service` field. It is not exported.
pub fn service_span(service: &'static str) -> Span {
    tracing::info_span!(target: setup::SERVICE_TARGET, "service", service)
}
