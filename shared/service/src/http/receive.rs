//! A request's body, read to its end before anything is taken for it: who sends slowly, or not at all, holds neither a
//! connection to the database nor a place among those that run.

use std::{error::Error, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::CONNECTION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::LengthLimitError;
use tokio::time::timeout;

use crate::problem::Problem;

/// How long a body may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Lets a request through with its body, which has at most so many bytes; else 408, 413 or 400.
pub async fn receive(State(limit): State<usize>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let problem = match timeout(TIME_LIMIT, to_bytes(body, limit)).await {
        Ok(Ok(body)) => return next.run(Request::from_parts(parts, Body::from(body))).await,
        Ok(Err(error)) if is_too_long(&error) => too_long(limit),
        Ok(Err(_)) => Problem::new(StatusCode::BAD_REQUEST, "the body could not be read"),
        Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, format!("the body did not come within {TIME_LIMIT:?}")),
    };
    // What may still come of the body is no next request (RFC 9110, sections 15.5.9 and 15.5.14).
    ([(CONNECTION, HeaderValue::from_static("close"))], problem).into_response()
}

fn is_too_long(error: &axum::Error) -> bool {
    error.source().is_some_and(<dyn Error>::is::<LengthLimitError>)
}

fn too_long(limit: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is over {} KiB", limit / 1024))
}
