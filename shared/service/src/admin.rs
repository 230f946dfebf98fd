//! Administration, on the operations port: parked messages, replays, republishing.
//!
//! Whoever has the token may do everything here; `X-Operator` says who it is, for the audit trail. Without a configured
//! token nobody may do anything.

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use event::MAX_SIZE;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{http::limited, problem::Problem};

mod description;
mod outbox;
mod parked;
mod progress;
mod replay;
mod request;
mod topology;

pub use request::Admin;

/// Every `/admin` path, for whoever bears `token`; and for everybody `/topology`, and what describes them all.
pub fn routes(admin: &Admin, token: Option<SecretString>) -> Router {
    // White space around it is an editor's line end, never meant.
    let token = token.map(|token| SecretString::from(token.expose_secret().trim()));
    let token = token.filter(|token| !token.expose_secret().is_empty());
    Router::new()
        .nest("/admin", limited(parked::routes(admin).merge(replay::routes(admin))).merge(outbox::routes(admin)))
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
