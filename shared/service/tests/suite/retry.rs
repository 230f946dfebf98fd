//! An operator's retry: once, in its turn, in this service only.

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use messaging::testing::{orders::order, stage::Stage};
use serde_json::json;

use super::desk::Desk;

#[tokio::test]
async fn a_retried_message_is_handled_once_and_what_waits_behind_it_follows_in_order() {
    let mut stage = Stage::new().await;
    let (ada, desk) = (order(), Desk::of_reader(&stage));
    let dead = stage.create(ada, "permanent").await.id;
    stage.settle().await;
    for name in ["second", "third"] {
        stage.create(ada, name).await;
    }
    stage.settle().await;
    stage.handler.fix();
    stage.redrive().await;
    assert!(stage.effects().await.is_empty(), "a dead message needs a person");

    let answer = desk.retry(dead).await;
    assert_eq!((answer.status, &answer.body["state"]), (StatusCode::ACCEPTED, &json!("waiting")));
    assert!(stage.effects().await.is_empty(), "the re-driver handles it, in its turn");
    stage.redrive().await;
    assert_eq!(stage.effects().await, ["permanent", "second", "third"]);
    stage.deliver_again().await;
    stage.advance(SignedDuration::from_hours(1));
    stage.redrive().await;
    assert_eq!(stage.effects().await, ["permanent", "second", "third"]);
}

#[tokio::test]
async fn a_message_that_is_tried_again_later_can_be_tried_now() {
    let mut stage = Stage::new().await;
    let waiting = stage.create(order(), "transient").await.id;
    stage.settle().await;
    stage.handler.fix();
    stage.redrive().await;
    assert!(stage.effects().await.is_empty(), "not due yet");
    assert_eq!(Desk::of_reader(&stage).retry(waiting).await.status, StatusCode::ACCEPTED);
    stage.redrive().await;
    assert_eq!(stage.effects().await, ["transient"]);
}

#[tokio::test]
async fn what_waits_behind_another_is_not_retried_and_names_it() {
    let mut stage = Stage::new().await;
    let (ada, desk) = (order(), Desk::of_reader(&stage));
    let dead = stage.create(ada, "permanent").await.id;
    stage.settle().await;
    let behind = stage.create(ada, "second").await.id;
    stage.settle().await;
    let refusal = desk.retry(behind).await;
    assert!(refusal.is_problem(StatusCode::CONFLICT), "{refusal:?}");
    assert!(refusal.body["detail"].as_str().unwrap().contains(&dead.to_string()), "{refusal:?}");
    stage.handler.fix();
    stage.redrive().await;
    assert!(stage.effects().await.is_empty());
}

/// Ends in death after a day, twice.
#[tokio::test]
async fn after_a_retry_the_time_limit_and_the_delays_begin_anew() {
    let mut stage = Stage::new().await;
    let (id, desk) = (stage.create(order(), "transient").await.id, Desk::of_reader(&stage));
    stage.settle().await;
    for _ in 0..24 {
        stage.advance(SignedDuration::from_mins(75));
        stage.redrive().await;
    }
    let dead = desk.show(id).await;
    assert_eq!(dead["state"], "dead");

    assert_eq!(desk.retry(id).await.status, StatusCode::ACCEPTED);
    stage.redrive().await;
    let record = desk.show(id).await;
    assert_eq!(record["state"], "waiting", "another day has begun");
    assert_eq!(record["attempts"].as_i64(), dead["attempts"].as_i64().map(|attempts| attempts + 1));
    let next: Timestamp = record["next_attempt_at"].as_str().unwrap().parse().unwrap();
    let delay = next.duration_since(stage.reader.database.clock.now());
    assert!((SignedDuration::from_millis(187)..=SignedDuration::from_millis(313)).contains(&delay), "{delay:?}");

    for _ in 0..24 {
        stage.advance(SignedDuration::from_mins(75));
        stage.redrive().await;
    }
    assert_eq!(desk.show(id).await["state"], "dead");
}

#[tokio::test]
async fn all_that_the_filters_select_are_retried_at_once() {
    let mut stage = Stage::new().await;
    let (ada, desk) = (order(), Desk::of_reader(&stage));
    for (order_id, name) in [(ada, "permanent"), (order(), "permanent"), (order(), "transient")] {
        stage.create(order_id, name).await;
        stage.settle().await;
    }
    stage.create(ada, "second").await;
    stage.settle().await;
    stage.handler.fix();

    let none = json!({ "retried": 0, "done": true });
    for query in ["event_type=order_completed", "state=behind", "state=dead&event_type=order_completed"] {
        let answer = desk.post(&format!("/admin/parked/retry?{query}"), &json!(null)).await;
        assert_eq!((answer.status, &answer.body), (StatusCode::OK, &none), "{query}");
    }
    stage.redrive().await;
    assert!(stage.effects().await.is_empty());

    let answer = desk.post(&format!("/admin/parked/retry?subject={ada}"), &json!(null)).await;
    assert_eq!(answer.last_line(), json!({ "retried": 1, "done": true }));
    stage.redrive().await;
    assert_eq!(stage.effects().await, ["permanent", "second"]);

    let answer = desk.post("/admin/parked/retry", &json!(null)).await;
    assert_eq!(answer.last_line(), json!({ "retried": 2, "done": true }), "the dead one and the waiting one");
    stage.redrive().await;
    assert_eq!(stage.effects().await, ["permanent", "second", "permanent", "transient"]);
    let answer = desk.post("/admin/parked/retry", &json!(null)).await;
    assert_eq!(answer.body, none, "what is resolved is left alone");
}

#[tokio::test]
async fn a_bulk_retry_takes_more_than_one_transaction_holds() {
    let stage = Stage::new().await;
    sqlx::raw_sql(
        "INSERT INTO inbox (event_id, id, event_type, received_at)
         SELECT gen_random_uuid(), gen_random_uuid(), 'order_placed', now() FROM generate_series(1, 1001);
         INSERT INTO parked (event_id, event_type, state, body, reason, error, attempts, parked_at, tried_since)
         SELECT event_id, event_type, 'dead', '{}', 'undecodable', '', 1, received_at, received_at FROM inbox",
    )
    .execute(&stage.reader.database.pool)
    .await
    .unwrap();
    let answer = Desk::of_reader(&stage).post("/admin/parked/retry?state=dead", &json!(null)).await;
    assert_eq!(answer.last_line(), json!({ "retried": 1001, "done": true }));
    assert!(stage.parked().await.iter().all(|(state, _)| state == "waiting"));
    let noted: i64 = sqlx::query_scalar("SELECT count(DISTINCT event_id) FROM audit WHERE action = 'retry'")
        .fetch_one(&stage.reader.database.pool)
        .await
        .unwrap();
    assert_eq!(noted, 1001);
}

#[tokio::test]
async fn all_that_the_filters_select_are_discarded() {
    let mut stage = Stage::new().await;
    let (ada, desk) = (order(), Desk::of_reader(&stage));
    stage.create(ada, "permanent").await;
    stage.settle().await;
    for _ in 0..2 {
        stage.create(ada, "behind").await;
    }
    stage.create(order(), "transient").await;
    stage.settle().await;
    stage.handler.fix();
    let discard = async |query: &str, reason: &str| {
        desk.post(&format!("/admin/parked/discard?{query}"), &json!({ "reason": reason })).await
    };
    assert!(discard("", " ").await.is_problem(StatusCode::UNPROCESSABLE_ENTITY), "without a reason");

    let answer = discard(&format!("subject={ada}"), "not needed").await;
    assert_eq!(answer.last_line(), json!({ "discarded": 3, "done": true }));
    stage.redrive().await;
    assert!(stage.effects().await.is_empty());
    let states: Vec<(String, i64)> = sqlx::query_as("SELECT state, count(*) FROM parked GROUP BY state ORDER BY state")
        .fetch_all(&stage.reader.database.pool)
        .await
        .unwrap();
    assert_eq!(states, [("discarded".to_owned(), 3), ("waiting".to_owned(), 1)]);
    let reasons: Vec<String> = sqlx::query_scalar("SELECT DISTINCT reason FROM audit WHERE action = 'discard'")
        .fetch_all(&stage.reader.database.pool)
        .await
        .unwrap();
    assert_eq!(reasons, ["not needed"]);
}
