//! What requests work on, and how they are read.

use std::sync::Arc;

use axum::{
    Json,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use messaging::{
    audit::Operator,
    bus::{Bus, Topology},
    database::Database,
    handler::Handlers,
    router::RouterSettings,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{http::extract::Path, problem::Problem};

/// What administration works on.
#[derive(Clone)]
pub struct Admin {
    /// The service's schema.
    pub database: Database,
    /// What the service does with events.
    pub handlers: Handlers,
    /// The bus, for replays.
    pub bus: Arc<dyn Bus>,
    /// What the service has there.
    pub topology: Topology,
    /// How messages are handled; a replay handles them the same way.
    pub settings: RouterSettings,
    /// For how many days inboxes remember: what is older is not published again.
    pub inbox_days: u32,
    /// Ends replays.
    pub shutdown: CancellationToken,
}

/// How `X-Operator` is described.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `OperatorHeader` reads")]
pub(super) struct OperatorParam {
    /// Who you are, for the audit trail.
    #[param(rename = "X-Operator", min_length = 1, max_length = 100, pattern = "^[!-~]([ -~]*[!-~])?$")]
    operator: Option<String>,
}

/// Who `X-Operator` says it is.
pub(super) struct OperatorHeader(pub Operator);

impl<S: Sync> FromRequestParts<S> for OperatorHeader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(claimed) = parts.headers.get("x-operator") else { return Ok(Self(Operator("unnamed".into()))) };
        let name = claimed.to_str().map(str::trim).unwrap_or_default();
        if name.is_empty() || name.len() > 100 || name.contains('\t') {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "X-Operator is a name of 1 to 100 ASCII characters"));
        }
        Ok(Self(Operator(name.to_owned())))
    }
}

pub(super) fn message_id(Path(id): Path<String>) -> Result<Uuid, Problem> {
    id.parse().map_err(|_| Problem::not_found("no such message is parked here"))
}

pub(super) fn counted(name: &str, count: u64) -> Json<Value> {
    Json(json!({ name: count }))
}
