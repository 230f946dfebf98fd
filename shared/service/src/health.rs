//! Liveness and readiness: what a service waits for, by name.

use std::collections::BTreeMap;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use messaging::{
    database::Database,
    health::{Condition, Health, is_ready},
};
use serde_json::{Value, json};

/// `/health/live` and `/health/ready`.
pub fn routes(health: Health, database: Database) -> Router {
    Router::new().route("/health/live", get(live)).route("/health/ready", get(ready)).with_state((health, database))
}

/// Whether the process runs.
#[utoipa::path(
    get, path = "/health/live", responses((status = 200, body = Value, description = "It does: `{\"status\": \"up\"}`"))
)]
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "status": "up" }))
}

/// Whether the service does all it should; what it waits for, part by part.
#[utoipa::path(
    get, path = "/health/ready",
    responses(
        (status = 200, body = Value, description = "It does, and says what its parts wait for, if for anything"),
        (status = 503, body = Value, description = "It does not; the reasons, by part"))
)]
pub(crate) async fn ready(State((health, database)): State<(Health, Database)>) -> (StatusCode, Json<Value>) {
    let parts = health.look(&database).await;
    let (code, status) =
        if is_ready(&parts) { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    let parts: BTreeMap<_, _> = parts.iter().map(|(part, condition)| (part, describe(condition))).collect();
    (code, Json(json!({ "status": status, "parts": parts })))
}

fn describe(condition: &Condition) -> Value {
    match condition {
        Condition::Up => json!({ "status": "up" }),
        Condition::Waiting(what) => json!({ "status": "up", "waiting_for": what }),
        Condition::Down(reason) => json!({ "status": "down", "reason": reason }),
    }
}
