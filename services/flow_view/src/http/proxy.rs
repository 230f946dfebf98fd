//! What the page asks of other services goes through here, so that a browser needs one origin only. Requests are passed
//! on as they come, and nothing is added: a token for the operations ports is the caller's.

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use service::{http::extract::Path, problem::Problem};
use url::Url;

use super::state::AppState;

/// What is passed on of a request.
const REQUEST: [HeaderName; 4] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    HeaderName::from_static("x-operator"),
    HeaderName::from_static("idempotency-key"),
];
/// What is passed on of an answer.
const ANSWER: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::LOCATION,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("x-event-id"),
    HeaderName::from_static("x-trace-id"),
];

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/customers", post(register))
        .route("/services/{service}/admin/parked", any(parked))
        .route("/services/{service}/admin/parked/{*path}", any(parked))
}

/// A registration, for the service customer.
async fn register(State(view): State<AppState>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let mut url = view.config.customer_url.clone();
    url.set_path("/customers");
    forward(&view, "customer", url, Method::POST, &headers, body).await
}

async fn parked(
    State(view): State<AppState>,
    Path(path): Path<Vec<(String, String)>>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let part = |name: &str| path.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let (service, rest) = (part("service").unwrap_or_default(), part("path"));
    let below = rest.map(|rest| format!("/{rest}")).unwrap_or_default();
    // The URL is made from this text, dots and all: it must not lead elsewhere.
    if !below.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'/') {
        return Err(Problem::not_found("there is nothing here"));
    }
    let url = view.directory.url(service, &format!("/admin/parked{below}"));
    let mut url = url.ok_or_else(|| Problem::not_found("no such service takes part"))?;
    url.set_query(query.as_deref());
    forward(&view, service, url, method, &headers, body).await
}

async fn forward(
    view: &AppState,
    service: &str,
    url: Url,
    method: Method,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let away = |_| Problem::new(StatusCode::BAD_GATEWAY, format!("{service} does not answer"));
    let request = view.directory.client().request(method, url).headers(only(&REQUEST, headers)).body(body);
    let answer = request.send().await.map_err(away)?;
    let (status, headers) = (answer.status(), only(&ANSWER, answer.headers()));
    let body = answer.bytes().await.map_err(away)?;
    Ok((status, headers, body).into_response())
}

fn only(names: &[HeaderName], headers: &HeaderMap) -> HeaderMap {
    names.iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone()))).collect()
}
