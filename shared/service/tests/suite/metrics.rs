//! What a scraper is told over HTTP, and what is counted of requests.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, header},
    routing::get,
};
use messaging::{database::Database, testing::stage::database};
use metrics::scrape::{Sample, Scrape};
use service::http::{self, Admission, Surroundings, exposition, measure};
use tower::ServiceExt;
use tracing::Span;
use utoipa::openapi::OpenApiBuilder;
use uuid::Uuid;

async fn scrape(database: &Database) -> Scrape {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = exposition::routes(database.metrics.clone()).oneshot(request).await.unwrap();
    let content_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    Scrape::parse(str::from_utf8(&body).unwrap())
}

#[tokio::test]
async fn a_path_with_an_id_is_one_route_and_what_nobody_knows_is_one_too() {
    let database = database("reader").await;
    let api = Router::new().route("/accounts/{id}", get(async || "an account"));
    let requests = measure::register(&database.metrics.registry);
    let around = Surroundings {
        server: "/".into(),
        max_body: 1024,
        admission: Admission::new(16),
        requests,
        service: Span::none(),
    };
    let app = http::app(api, OpenApiBuilder::new().build(), around);
    let brew = Method::from_bytes(b"BREW").unwrap();
    for round in 0..5 {
        for (method, path) in [(Method::GET, "accounts"), (Method::GET, "nothing"), (brew.clone(), "accounts")] {
            let uri = format!("/{path}/{}?round={round}", Uuid::now_v7());
            app.clone().oneshot(Request::builder().method(method).uri(uri).body(Body::empty()).unwrap()).await.unwrap();
        }
    }
    let scrape = scrape(&database).await;
    let of = |sample: &Sample| ["method", "route", "status"].map(|label| sample.labels[label].clone());
    let mut series: Vec<_> = scrape.named("http_server_request_duration_seconds_count").map(of).collect();
    series.sort();
    let expected = [["GET", "/accounts/{id}", "200"], ["GET", "unmatched", "404"], ["other", "/accounts/{id}", "405"]];
    assert_eq!(series, expected);
    assert_eq!(scrape.sum("http_server_request_duration_seconds_count", &[("status", "200")]), Some(5.0));
}
