//! What every HTTP API has: traces, limits, problem details, its own description.

use std::{any::Any, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tokio::time::timeout;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument, Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{problem::Problem, telemetry::jaeger_propagator::JaegerPropagator};

mod admission;
pub mod description;
pub mod exposition;
pub mod extract;
pub mod host;
pub mod measure;
pub mod public_url;
mod receive;
pub mod server;

pub use admission::Admission;
use admission::admit;
use description::complete;
use measure::{Requests, measure};
pub use receive::receive;

/// The largest request body of most services, in bytes.
pub const MAX_BODY: usize = 64 * 1024;
/// How long a request may take; below the 10 s of a shutdown.
const TIME_LIMIT: Duration = Duration::from_secs(9);

/// What is around a public API.
#[derive(Debug)]
pub struct Surroundings {
    /// Where the API is found: a path, or a whole URL.
    pub server: String,
    /// The largest body of a request, in bytes.
    pub max_body: usize,
    /// How many requests run at once.
    pub admission: Admission,
    /// How long they took.
    pub requests: Requests,
    /// What their spans belong to.
    pub service: Span,
}

/// `api` with everything around it, and the page that describes it.
pub fn app(api: Router, description: OpenApi, around: Surroundings) -> Router {
    limited(answering_problems(api).layer(DefaultBodyLimit::disable()))
        .layer(from_fn_with_state(around.service, trace))
        .layer(from_fn_with_state(around.admission, admit))
        .layer(from_fn_with_state(around.max_body, receive))
        .layer(from_fn_with_state(around.requests, measure))
        .merge(docs(complete(description, &around.server)))
        .method_not_allowed_fallback(not_allowed)
}

/// The page that shows a description finds it beside itself, below whatever path a proxy puts before both.
fn docs(description: OpenApi) -> SwaggerUi {
    SwaggerUi::new("/docs").url("/openapi.json", description).config(Config::from("../openapi.json"))
}

/// `routes`, with problem details for paths and methods that are none of theirs.
pub fn answering_problems(routes: Router) -> Router {
    routes.fallback(async || Problem::not_found("there is nothing here")).method_not_allowed_fallback(not_allowed)
}

async fn not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this method is not for this path")
}

/// `routes`, none of which takes for ever or takes the process with it.
pub fn limited(routes: Router) -> Router {
    routes
        .layer(from_fn(in_time))
        .layer(CatchPanicLayer::custom(|_: Box<dyn Any + Send>| Problem::internal("panicked").into_response()))
}

/// Whatever a request holds when its time is over is dropped with it: a transaction is rolled back.
async fn in_time(request: Request, next: Next) -> Response {
    let late = |_| Problem::unavailable("this takes too long just now: try again").into_response();
    timeout(TIME_LIMIT, next.run(request)).await.unwrap_or_else(late)
}

/// A SERVER span by OpenTelemetry's semantic conventions for HTTP, in the caller's trace if it sent one.
async fn trace(State(service): State<Span>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let span = info_span!(
        parent: &service,
        "request",
        otel.name = %format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = Empty,
    );
    let caller = caller(request.headers());
    if caller.span().span_context().is_valid() {
        // Fails only for a span that nobody records.
        let _ = span.set_parent(caller);
    }
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    response
}

/// W3C first: Jaeger's older header counts only where that is missing.
fn caller(headers: &HeaderMap) -> Context {
    let headers = Headers(headers);
    let w3c = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
    JaegerPropagator::default().extract_with_context(&w3c, &headers)
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}
