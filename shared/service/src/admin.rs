//! Administration, on the operations port: parked messages, replays, republishing.
//!
//! Whoever has the token may do everything here; `X-Operator` says who it is, for the audit trail. Without a configured
//! token nobody may do anything.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequestParts, Path, Request, State, rejection::JsonRejection},
    http::{HeaderValue, StatusCode, header, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use event::MAX_SIZE;
use messaging::{
    audit::Operator,
    bus::{Bus, Topology},
    database::Database,
    handler::Handlers,
    router::RouterSettings,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::problem::Problem;

mod description;
mod outbox;
mod parked;
mod replay;
mod topology;

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
    /// Ends replays.
    pub shutdown: CancellationToken,
}

/// Every `/admin` path, for whoever bears `token`; and for everybody `/topology`, and what describes them all.
pub fn routes(admin: &Admin, token: Option<SecretString>) -> Router {
    let token = token.filter(|token| !token.expose_secret().is_empty());
    Router::new()
        .nest("/admin", parked::routes(admin).merge(replay::routes(admin)).merge(outbox::routes(admin)))
        .route("/admin", any(nothing_here))
        .route("/admin/", any(nothing_here))
        .route("/admin/{*path}", any(nothing_here))
        .layer(DefaultBodyLimit::max(2 * MAX_SIZE))
        .layer(from_fn_with_state(token, authorize))
        .merge(topology::routes(&admin.topology))
        .route("/openapi.json", get(async || Json(description::openapi())))
}

async fn nothing_here() -> Problem {
    Problem::not_found("there is no such path under /admin")
}

async fn authorize(State(token): State<Option<SecretString>>, request: Request, next: Next) -> Response {
    let Some(token) = token else {
        let detail = "administration is shut: this service was started without ADMIN_TOKEN. To open it, start the service \
                      with ADMIN_TOKEN=<a long random word>; with Docker: put that line into the file .env, then run \
                      docker compose up -d";
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    };
    if !bears(request.headers().get(header::AUTHORIZATION), &token) {
        let problem = Problem::new(StatusCode::UNAUTHORIZED, "send the token: Authorization: Bearer $ADMIN_TOKEN");
        return ([(header::WWW_AUTHENTICATE, "Bearer")], problem).into_response();
    }
    next.run(request).await
}

/// Compares digests, in constant time: neither the token's beginning nor its length can be measured.
fn bears(header: Option<&HeaderValue>, token: &SecretString) -> bool {
    let Some((scheme, given)) = header.and_then(|value| value.to_str().ok()?.split_once(' ')) else { return false };
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    let same = digest(given.trim()).ct_eq(&digest(token.expose_secret()));
    scheme.eq_ignore_ascii_case("bearer") && bool::from(same)
}

/// Who `X-Operator` says it is.
struct OperatorHeader(Operator);

impl<S: Sync> FromRequestParts<S> for OperatorHeader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(claimed) = parts.headers.get("x-operator") else { return Ok(Self(Operator("unnamed".into()))) };
        let name = claimed.to_str().map(str::trim).unwrap_or_default();
        if name.is_empty() || name.len() > 100 {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "X-Operator is a name of 1 to 100 ASCII characters"));
        }
        Ok(Self(Operator(name.to_owned())))
    }
}

/// A body, or a problem that says what is wrong with it.
fn readable<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    body.map(|Json(body)| body).map_err(|error| Problem::new(error.status(), error.body_text()))
}

fn message_id(Path(id): Path<String>) -> Result<Uuid, Problem> {
    id.parse().map_err(|_| Problem::not_found("no such message is parked here"))
}

fn counted(name: &str, count: u64) -> Json<Value> {
    Json(json!({ name: count }))
}
