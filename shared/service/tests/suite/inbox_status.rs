//! What a service says of messages to whoever asks.

use std::collections::BTreeMap;

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use messaging::testing::{orders::order, stage::Stage};
use serde_json::Value;
use service::inbox_status;
use tower::ServiceExt;
use uuid::Uuid;

use super::desk::Desk;

async fn ask(stage: &Stage, query: &str) -> (StatusCode, Value) {
    let routes = inbox_status::routes(stage.reader.database.clone());
    let request = Request::get(format!("/inbox{query}")).body(Body::empty()).unwrap();
    let response = routes.oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_service_says_how_it_holds_a_message_and_nothing_of_what_is_in_it() {
    let mut stage = Stage::new().await;
    let (ada, bob) = (order(), order());
    let mut ids = Vec::new();
    for (order_id, name) in [(order(), "Ada"), (ada, "permanent"), (bob, "transient"), (ada, "second")] {
        ids.push(stage.create(order_id, name).await.id);
        stage.settle().await;
    }
    let third = stage.create(ada, "third").await.id;
    stage.settle().await;
    assert_eq!(Desk::of_reader(&stage).discard(third, "not needed").await.status, StatusCode::OK);
    ids.extend([third, Uuid::now_v7()]);

    let asked: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let (status, answer) = ask(&stage, &format!("?ids={}", asked.join(","))).await;
    assert_eq!(status, StatusCode::OK);
    let messages = answer["messages"].as_array().unwrap();
    let by_id: BTreeMap<_, _> = messages.iter().map(|one| (one["event_id"].as_str().unwrap(), one)).collect();
    let said_of = |index: usize| by_id.get(asked[index].as_str()).map(|one| one["state"].as_str().unwrap());
    let expected = [Some("handled"), Some("dead"), Some("waiting"), Some("behind"), Some("discarded"), None];
    assert_eq!([0, 1, 2, 3, 4, 5].map(said_of), expected);
    assert_eq!(by_id[asked[1].as_str()]["reason"], "handler_permanent");
    assert_eq!(by_id[asked[1].as_str()]["attempts"], 1);
    assert!(!answer.to_string().contains("example.com"), "{answer}");
}

#[tokio::test]
async fn a_question_that_is_none_is_a_problem() {
    let stage = Stage::new().await;
    let id = Uuid::now_v7().to_string();
    let many = vec![id.as_str(); 101].join(",");
    for query in ["", "?ids=", "?ids=1", &format!("?ids={many}"), &format!("?ids={id}&more=1")] {
        let (status, problem) = ask(&stage, query).await;
        assert_eq!((status, &problem["status"]), (StatusCode::BAD_REQUEST, &400.into()), "{query}");
    }
    assert_eq!(ask(&stage, &format!("?ids={id}")).await, (StatusCode::OK, serde_json::json!({ "messages": [] })));
}
