//! What goes through to other services.

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use tower::ServiceExt;

use super::stage::Stage;

/// A service that answers with what it was asked.
async fn echo() -> String {
    let routes = Router::new().fallback(async |request: Request| {
        let headers = request.headers().clone();
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let head = format!(
            "{} {} auth={} operator={} cookie={}",
            request.method(),
            request.uri(),
            header("authorization"),
            header("x-operator"),
            header("cookie")
        );
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        let headers = [("x-event-id", "an-event"), ("set-cookie", "a=b")];
        (StatusCode::ACCEPTED, headers, format!("{head} body={}", String::from_utf8_lossy(&body))).into_response()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

async fn ask(stage: &Stage, method: &str, path: &str) -> (StatusCode, HeaderMap, String) {
    let request = axum::http::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", "Bearer t")
        .header("x-operator", "ada")
        .header("cookie", "secret")
        .body(Body::from("{}"))
        .unwrap();
    let response = stage.http.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn requests_about_parked_messages_go_through_as_they_are() {
    let stage = Stage::with(&echo().await).await;
    let id = "01a1fe3a-7e67-77aa-9e5d-0db615ec4bf3";
    for (method, path) in [
        ("GET", "/admin/parked?state=dead".to_owned()),
        ("PUT", format!("/admin/parked/{id}/event")),
        ("POST", format!("/admin/parked/{id}/retry")),
    ] {
        let (status, headers, body) = ask(&stage, method, &format!("/services/loyalty{path}")).await;
        assert_eq!(status, 202);
        assert_eq!(body, format!("{method} {path} auth=Bearer t operator=ada cookie= body={{}}"));
        assert_eq!((headers.get("x-event-id").is_some(), headers.get("set-cookie").is_some()), (true, false));
    }
}

#[tokio::test]
async fn nothing_else_of_the_operations_ports_can_be_reached() {
    let stage = Stage::with(&echo().await).await;
    for path in [
        "/services/loyalty/admin/replay",
        "/services/loyalty/health/ready",
        "/services/loyalty/admin/parked/../replay",
        "/services/loyalty/admin/parked/%2e%2e/replay",
        "/services/loyalty/admin/parked/%2E%2E%2Freplay",
        "/services/flow_view/admin/parked",
        "/services/nobody/admin/parked",
    ] {
        let (status, _, body) = ask(&stage, "POST", path).await;
        assert_eq!(status, 404, "{path}: {body}");
    }
}

#[tokio::test]
async fn a_registration_goes_to_the_service_customer() {
    let stage = Stage::with(&echo().await).await;
    let (status, headers, body) = ask(&stage, "POST", "/customers").await;
    assert!(body.starts_with("POST /customers"), "{body}");
    assert_eq!((status, headers["x-event-id"].to_str().unwrap()), (StatusCode::ACCEPTED, "an-event"));
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_a_bad_gateway() {
    let stage = Stage::new().await;
    let (status, _, body) = ask(&stage, "GET", "/services/email/admin/parked").await;
    assert_eq!(status, 502);
    assert!(body.contains("email does not answer"), "{body}");
}
