//! `GET /metrics` on the operations port.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use messaging::metrics::Metrics;

use crate::problem::Problem;

/// OpenMetrics 1.0, section "Overall Structure".
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a scraper asks for. Nothing here asks the database.
pub fn routes(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(export)).with_state(metrics)
}

/// What a scraper is told.
#[utoipa::path(
    get, path = "/metrics",
    responses((status = 200, body = String, content_type = "application/openmetrics-text", description = "OpenMetrics 1.0"))
)]
pub(crate) async fn export(State(metrics): State<Arc<Metrics>>) -> Response {
    match metrics.registry.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => Problem::internal("the metrics can't be written").into_response(),
    }
}
