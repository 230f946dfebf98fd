//! How long requests take, by route.

use std::{borrow::Cow, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use metrics::{Histogram, Labeled, Registry, SECONDS};

/// How long requests took, by method, route and status.
pub type Requests = Labeled<Histogram, 3>;

/// Has requests to the public API measured in `registry`.
pub fn register(registry: &Registry) -> Requests {
    registry.histograms(
        "http_server_request_duration_seconds",
        ["method", "route", "status"],
        SECONDS,
        "How long requests to the public API took. The route is the path's pattern, or `unmatched`",
    )
}

/// Measures a request, whatever came of it.
pub(crate) async fn measure(State(requests): State<Requests>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = Cow::Borrowed(name(request.method()));
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or(Cow::Borrowed("unmatched"), |path| Cow::Owned(path.as_str().to_owned()));
    let response = next.run(request).await;
    let status = Cow::Owned(response.status().as_str().to_owned());
    requests.of([method, route, status]).observe(begun.elapsed().as_secs_f64());
    response
}

/// Anybody may invent a method: the rest is `other`.
fn name(method: &Method) -> &'static str {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.iter().zip(names).find(|(known, _)| *known == method).map_or("other", |(_, name)| name)
}
