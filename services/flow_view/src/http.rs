//! The public API.

use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use shared::{choreography, database::Database};
use utoipa::OpenApi;

use crate::config::FlowViewConfig;

#[derive(OpenApi)]
#[openapi(info(title = "flow_view", description = "Every flow: its events, its missing steps, its state."))]
struct Api;

/// The routes, and what describes them.
pub fn api(_database: Database, _config: &FlowViewConfig) -> anyhow::Result<(Router, utoipa::openapi::OpenApi)> {
    let routes = Router::new().route("/choreography", get(get_choreography));
    Ok((routes, Api::openapi()))
}

/// The choreography, as it is declared.
async fn get_choreography() -> Json<Value> {
    Json(json!({
        "events": choreography::FACTS,
        "reactions": choreography::REACTIONS,
        "services": choreography::services(),
        "observers": choreography::OBSERVERS,
    }))
}
