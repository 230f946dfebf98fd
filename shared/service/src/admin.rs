//! Administration, on the operations port: parked messages, replays, republishing.
//!
//! Whoever has the token may do everything here; `X-Operator` says who it is, for the audit trail. Without a configured
//! token nobody may do anything.

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use event::MAX_SIZE;

use crate::{
    bearer::{AdminToken, Bearer},
    http::{limited, receive},
    problem::Problem,
};

mod description;
mod outbox;
mod parked;
mod progress;
mod replay;
mod request;
mod topology;

pub use request::Admin;

/// The largest request body, in bytes: an event that is put in the place of another.
const MAX_BODY: usize = 2 * MAX_SIZE;

/// Every `/admin` path, for whoever bears `token`; and for everybody `/topology`, and what describes them all.
pub fn routes(admin: &Admin, token: Option<AdminToken>) -> Router {
    Router::new()
        .nest("/admin", limited(parked::routes(admin).merge(replay::routes(admin))).merge(outbox::routes(admin)))
        .route("/admin", any(nothing_here))
        .route("/admin/", any(nothing_here))
        .route("/admin/{*path}", any(nothing_here))
        .layer(from_fn_with_state(MAX_BODY, receive))
        .layer(from_fn_with_state(token, authorize))
        .merge(topology::routes(&admin.topology))
        .route("/openapi.json", get(async || Json(description::openapi())))
}

async fn nothing_here() -> Problem {
    Problem::not_found("there is no such path under /admin")
}

async fn authorize(State(token): State<Option<AdminToken>>, request: Request, next: Next) -> Response {
    let Some(token) = token else {
        let detail = "administration is shut: this service was started without ADMIN_TOKEN. To open it, start the service \
                      with ADMIN_TOKEN=<a long random word>; with Docker: put that line into the file .env, then run \
                      docker compose up -d";
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    };
    match Bearer::of(request.headers()) {
        Bearer::Token(given) if token.is(given) => next.run(request).await,
        _ => {
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "send the token: Authorization: Bearer $ADMIN_TOKEN");
            ([(header::WWW_AUTHENTICATE, "Bearer")], problem).into_response()
        }
    }
}
