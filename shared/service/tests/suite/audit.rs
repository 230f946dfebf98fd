//! What operators did is written down with what it changed, or not done.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use messaging::testing::{orders::order, stage::Stage};
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::{Desk, request};

type Line = (Option<Uuid>, String, String, Option<String>, Value, Value);

async fn trail(stage: &Stage) -> Vec<Line> {
    sqlx::query_as("SELECT event_id, operator, action, reason, before, after FROM audit ORDER BY seq")
        .fetch_all(&stage.reader.database.pool)
        .await
        .unwrap()
}

async fn with_dead_message() -> (Stage, Desk, Uuid) {
    let mut stage = Stage::new().await;
    let id = stage.create(order(), "permanent").await.id;
    stage.settle().await;
    let desk = Desk::of_reader(&stage);
    (stage, desk, id)
}

#[tokio::test]
async fn every_action_is_in_the_trail_with_its_operator_and_what_it_changed() {
    let (stage, desk, id) = with_dead_message().await;
    let now = stage.reader.database.clock.now();
    let original = desk.show(id).await["event"].clone();
    let mut corrected = original.clone();
    corrected["data"]["note"] = json!("Ada");
    desk.edit(id, corrected.to_string()).await;
    desk.retry(id).await;
    desk.discard(id, "sent by a test").await;

    let change = |to: &str, next: Option<_>| json!({ "state": to, "next_attempt_at": next });
    let (dead, due, gone) = (change("dead", None), change("waiting", Some(now)), change("discarded", None));
    let (before, after) = (json!({ "event": original }), json!({ "event": corrected }));
    let ada = "ada".to_owned();
    let reason = Some("sent by a test".to_owned());
    assert_eq!(
        trail(&stage).await,
        [
            (Some(id), ada.clone(), "edit".into(), None, before, after),
            (Some(id), ada.clone(), "retry".into(), None, dead, due.clone()),
            (Some(id), ada, "discard".into(), reason, due.clone(), gone.clone()),
        ]
    );
    let shown = desk.show(id).await;
    let last = json!({ "operator": "ada", "action": "discard", "reason": "sent by a test", "before": due, "after": gone,
                       "at": now });
    assert_eq!(shown["audit"][2], last);
}

#[tokio::test]
async fn a_bulk_retry_leaves_a_line_for_each_message() {
    let (mut stage, desk, first) = with_dead_message().await;
    let second = stage.create(order(), "permanent").await.id;
    stage.settle().await;
    desk.post("/admin/parked/retry", &json!(null)).await;
    let lines: Vec<_> =
        trail(&stage).await.into_iter().map(|(id, operator, action, ..)| (id, operator, action)).collect();
    assert_eq!(lines, [first, second].map(|id| (Some(id), "ada".to_owned(), "retry".to_owned())));
}

#[tokio::test]
async fn an_action_that_was_refused_leaves_no_line() {
    let (stage, desk, id) = with_dead_message().await;
    assert_eq!(desk.edit(id, "no event").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(desk.discard(id, " ").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(desk.retry(Uuid::now_v7()).await.status, StatusCode::NOT_FOUND);
    assert!(trail(&stage).await.is_empty());
    desk.discard(id, "not needed").await;
    assert_eq!(desk.retry(id).await.status, StatusCode::CONFLICT);
    assert_eq!(desk.discard(id, "again").await.status, StatusCode::CONFLICT);
    assert_eq!(trail(&stage).await.len(), 1);
}

#[tokio::test]
async fn what_can_not_be_written_down_is_not_done() {
    let (stage, desk, id) = with_dead_message().await;
    let mut corrected = desk.show(id).await["event"].clone();
    corrected["data"]["note"] = json!("Ada");
    sqlx::raw_sql("ALTER TABLE audit ADD CHECK (false)").execute(&stage.reader.database.pool).await.unwrap();
    let before = desk.show(id).await;
    let answers = [
        desk.retry(id).await,
        desk.edit(id, corrected.to_string()).await,
        desk.discard(id, "not needed").await,
        desk.post("/admin/parked/retry", &json!(null)).await,
        desk.post("/admin/replay", &json!({ "owner": "orders", "from": "first" })).await,
    ];
    for answer in answers {
        assert!(answer.is_problem(StatusCode::INTERNAL_SERVER_ERROR), "{answer:?}");
    }
    assert_eq!(desk.show(id).await, before);
}

#[tokio::test]
async fn nobody_rewrites_the_trail() {
    let (stage, desk, id) = with_dead_message().await;
    desk.retry(id).await;
    let written = trail(&stage).await;
    for rewriting in ["UPDATE audit SET operator = 'bob'", "DELETE FROM audit", "TRUNCATE audit"] {
        let refused = sqlx::raw_sql(rewriting).execute(&stage.reader.database.pool).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{rewriting}: {refused}");
    }
    assert_eq!((written.len(), trail(&stage).await), (1, written));
}

#[tokio::test]
async fn who_does_not_say_who_they_are_is_unnamed() {
    let (stage, desk, id) = with_dead_message().await;
    let path = format!("/admin/parked/{id}/retry");
    let mut anonymous = request(Method::POST, &path).body(Body::empty()).unwrap();
    anonymous.headers_mut().remove("x-operator");
    assert_eq!(desk.send(anonymous).await.status, StatusCode::ACCEPTED);
    assert_eq!(trail(&stage).await[0].1, "unnamed");
}

#[tokio::test]
async fn an_operator_has_a_name_of_at_most_100_characters() {
    let (stage, desk, id) = with_dead_message().await;
    let retry_as = |operator: Vec<u8>| {
        let mut retry = request(Method::POST, &format!("/admin/parked/{id}/retry")).body(Body::empty()).unwrap();
        retry.headers_mut().insert("x-operator", operator.try_into().unwrap());
        desk.send(retry)
    };
    for operator in [vec![b'a'; 101], b"  ".to_vec(), "Zoë".into()] {
        assert!(retry_as(operator).await.is_problem(StatusCode::BAD_REQUEST));
    }
    assert!(trail(&stage).await.is_empty());
    assert_eq!(retry_as(vec![b'a'; 100]).await.status, StatusCode::ACCEPTED);
    assert_eq!(trail(&stage).await[0].1, "a".repeat(100));
}
