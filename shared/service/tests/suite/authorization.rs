//! Who may administer, and what is no request.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use event::EventType;
use messaging::{
    bus::memory::MemoryBus,
    handler::Handlers,
    testing::{
        orders::{BILLING, OrderCancelled, OrderPlaced, order},
        stage::{Stage, database},
    },
};
use serde_json::json;

use super::desk::{Answer, Desk, TOKEN, admin, request};

const PATHS: [&str; 6] = ["/admin/parked", "/admin/replay", "/admin/republish", "/admin/nothing", "/admin", "/admin/"];

async fn desk(token: Option<&str>) -> Desk {
    Desk::with_token(&admin(&database("reader").await, &MemoryBus::new(), Handlers::new()), token)
}

async fn get_as(desk: &Desk, path: &str, authorization: Option<&str>) -> Answer {
    let mut get = Request::builder().uri(path);
    if let Some(authorization) = authorization {
        get = get.header(header::AUTHORIZATION, authorization);
    }
    desk.send(get.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn without_a_configured_token_nobody_may_do_anything() {
    for token in [None, Some("")] {
        let desk = desk(token).await;
        for path in PATHS {
            for authorization in [None, Some("Bearer "), Some("Bearer anything")] {
                let answer = get_as(&desk, path, authorization).await;
                assert!(answer.is_problem(StatusCode::FORBIDDEN), "{path}: {answer:?}");
                assert!(answer.body["detail"].as_str().unwrap().contains("ADMIN_TOKEN"), "{answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn whoever_has_not_the_token_may_not_even_ask_which_paths_there_are() {
    let desk = desk(Some(TOKEN)).await;
    let (basic, longer) = (format!("Basic {TOKEN}"), format!("Bearer {TOKEN}s"));
    let wrong = ["Bearer", "Bearer ", "Bearer the token", TOKEN, &basic, &longer];
    for authorization in [None].into_iter().chain(wrong.map(Some)) {
        for path in PATHS {
            let answer = get_as(&desk, path, authorization).await;
            assert!(answer.is_problem(StatusCode::UNAUTHORIZED), "{path} with {authorization:?}: {answer:?}");
            assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
            assert!(!answer.body.to_string().contains(TOKEN));
        }
    }
    assert_eq!(get_as(&desk, "/admin/parked", Some(&format!("bearer {TOKEN}"))).await.status, StatusCode::OK);
    for path in ["/admin/nothing", "/admin", "/admin/"] {
        assert!(desk.get(path).await.is_problem(StatusCode::NOT_FOUND), "{path}");
    }
}

#[tokio::test]
async fn without_the_token_nothing_is_done() {
    let mut stage = Stage::new().await;
    let id = stage.create(order(), "permanent").await.id;
    stage.settle().await;
    let desk = Desk::of_reader(&stage);
    for action in ["retry", "discard"] {
        let path = format!("/admin/parked/{id}/{action}");
        let mut forged = request(Method::POST, &path).header(header::CONTENT_TYPE, "application/json");
        forged.headers_mut().unwrap().insert(header::AUTHORIZATION, "Bearer forged".parse().unwrap());
        let answer = desk.send(forged.body(json!({ "reason": "a reason" }).to_string().into()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(desk.show(id).await["state"], "dead");
}

#[tokio::test]
async fn what_describes_administration_is_for_everybody() {
    let answer = get_as(&desk(None).await, "/openapi.json", None).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body["paths"]["/admin/parked/{event_id}/retry"].is_object());
}

#[tokio::test]
async fn what_a_service_has_on_the_bus_is_for_everybody() {
    let mut admin = admin(&database("reader").await, &MemoryBus::new(), Handlers::new());
    admin.topology.publishes = BILLING.to_vec();
    admin.topology.reacts_to = vec![EventType::of::<OrderCancelled>(), EventType::of::<OrderPlaced>()];
    let answer = get_as(&Desk::with_token(&admin, None), "/topology", None).await;
    assert_eq!(answer.status, StatusCode::OK);
    let expected = json!({
        "service": "reader",
        "publishes": ["invoice_issued", "invoice_cancelled"],
        "reacts_to": ["order_cancelled", "order_placed"],
    });
    assert_eq!(answer.body, expected);
    let described = get_as(&desk(None).await, "/openapi.json", None).await;
    assert!(described.body["paths"]["/topology"].is_object());
}

#[tokio::test]
async fn a_query_that_can_not_be_understood_is_a_problem() {
    let desk = desk(Some(TOKEN)).await;
    let wrong = ["state=ill", "subject=ada", "colour=red", "state=dead&state=dead", "event_type=a%00b"];
    for query in wrong {
        let list = desk.get(&format!("/admin/parked?{query}")).await;
        assert!(list.is_problem(StatusCode::BAD_REQUEST), "{query}: {list:?}");
        let retry = desk.post(&format!("/admin/parked/retry?{query}"), &json!(null)).await;
        assert!(retry.is_problem(StatusCode::BAD_REQUEST), "{query}: {retry:?}");
    }
    for query in ["cursor=last", "limit=all", "limit=-1"] {
        let list = desk.get(&format!("/admin/parked?{query}")).await;
        assert!(list.is_problem(StatusCode::BAD_REQUEST), "{query}: {list:?}");
    }
}

#[tokio::test]
async fn a_body_that_can_not_be_understood_is_a_problem() {
    let desk = desk(Some(TOKEN)).await;
    let discard = format!("/admin/parked/{}/discard", uuid::Uuid::now_v7());
    for path in [&discard, "/admin/replay", "/admin/republish"] {
        let post = || request(Method::POST, path);
        let json = || post().header(header::CONTENT_TYPE, "application/json");
        let requests = [
            (post().body("{}".into()), StatusCode::UNSUPPORTED_MEDIA_TYPE),
            (json().body("{".into()), StatusCode::BAD_REQUEST),
            (json().body("{}".into()), StatusCode::UNPROCESSABLE_ENTITY),
            (json().body(r#"{"colour": "red"}"#.into()), StatusCode::UNPROCESSABLE_ENTITY),
        ];
        for (request, status) in requests {
            let answer = desk.send(request.unwrap()).await;
            assert!(answer.is_problem(status), "{path} {status}: {answer:?}");
        }
    }
}
