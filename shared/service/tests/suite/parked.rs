//! What operators see of parked messages, and how they give one up.

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use messaging::{
    message::undecodable_id,
    testing::{
        orders::{OrderCompleted, order, placed},
        stage::{Stage, envelope, publish},
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::Desk;

/// Four messages, parked in this order: dead, waiting, and two behind the first.
struct Ward {
    stage: Stage,
    ada: Uuid,
    dead: Uuid,
    waiting: Uuid,
    behind: Uuid,
    completed: Uuid,
}

impl Ward {
    async fn new() -> Self {
        let mut stage = Stage::new().await;
        let (ada, bob) = (order(), order());
        let dead = stage.create(ada, "permanent").await.id;
        stage.settle().await;
        let waiting = stage.create(bob, "transient").await.id;
        stage.settle().await;
        let behind = stage.create(ada, "second").await.id;
        stage.settle().await;
        let event = OrderCompleted { order_id: ada, completed_at: stage.owner.database.clock.now() };
        let completed = publish(&stage.owner.database, &event).await.id;
        stage.settle().await;
        Self { stage, ada, dead, waiting, behind, completed }
    }
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_list_is_newest_first_and_filtered_as_asked() {
    let ward = Ward::new().await;
    let Ward { ada, dead, waiting, behind, completed, .. } = ward;
    let (desk, ada) = (Desk::of_reader(&ward.stage), ada);
    assert_eq!(desk.list("").await, [completed, behind, waiting, dead]);
    assert_eq!(desk.list("state=dead").await, [dead]);
    assert_eq!(desk.list("state=waiting").await, [waiting]);
    assert_eq!(desk.list("state=behind").await, [completed, behind]);
    assert_eq!(desk.list("event_type=order_completed").await, [completed]);
    assert_eq!(desk.list(&format!("subject={ada}")).await, [completed, behind, dead]);
    assert_eq!(desk.list(&format!("subject={ada}&state=behind&event_type=order_placed")).await, [behind]);
    assert!(desk.list("event_type=order_cancelled").await.is_empty());

    assert_eq!(desk.discard(behind, "not needed").await.status, StatusCode::OK);
    assert_eq!(desk.list("").await, [completed, waiting, dead], "what is resolved is not asked for");
    assert_eq!(desk.list("state=discarded").await, [behind]);
    assert!(desk.list("state=done").await.is_empty());
}

#[tokio::test]
async fn the_list_holds_nothing_personal() {
    let ward = Ward::new().await;
    let page = Desk::of_reader(&ward.stage).get("/admin/parked").await.body.to_string();
    assert!(page.contains("handler_permanent"));
    for personal in ["ada@example.com", "second", "never"] {
        assert!(!page.contains(personal), "{personal}: {page}");
    }
}

#[tokio::test]
async fn the_pages_show_each_message_once_even_if_more_are_parked_meanwhile() {
    let mut ward = Ward::new().await;
    let desk = Desk::of_reader(&ward.stage);
    let first = desk.get("/admin/parked?limit=3").await;
    assert_eq!(first.ids(), [ward.completed, ward.behind, ward.waiting]);
    let cursor = first.body["next_cursor"].as_str().unwrap().to_owned();
    ward.stage.create(order(), "permanent").await;
    ward.stage.settle().await;
    let second = desk.get(&format!("/admin/parked?limit=3&cursor={cursor}")).await;
    assert_eq!(second.ids(), [ward.dead]);
    assert_eq!(second.body["next_cursor"], Value::Null);
    // A page that is just full is the last.
    let cursor = desk.get("/admin/parked?limit=1").await.body["next_cursor"].as_str().unwrap().to_owned();
    let rest = desk.get(&format!("/admin/parked?limit=4&cursor={cursor}")).await;
    assert_eq!((rest.ids().len(), &rest.body["next_cursor"]), (4, &Value::Null));
}

#[tokio::test]
async fn the_record_shows_every_attempt_with_its_time_and_error() {
    let mut stage = Stage::new().await;
    let id = stage.create(order(), "transient").await.id;
    let began = stage.reader.database.clock.now();
    stage.settle().await;
    stage.advance(SignedDuration::from_secs(1));
    stage.redrive().await;
    let again = stage.reader.database.clock.now();

    let record = Desk::of_reader(&stage).show(id).await;
    let attempt = |number: i32, at: Timestamp| {
        let error = "handler failed: may work later: not now";
        json!({ "number": number, "at": at, "reason": "handler_transient", "error": error })
    };
    assert_eq!(record["failures"], json!([attempt(1, began), attempt(2, again)]));
    assert_eq!((&record["state"], &record["attempts"]), (&json!("waiting"), &json!(2)));
    assert_eq!(time(&record["parked_at"]), began);
    let delay = time(&record["next_attempt_at"]).duration_since(again);
    assert!((SignedDuration::from_millis(375)..=SignedDuration::from_millis(625)).contains(&delay), "{delay:?}");
}

#[tokio::test]
async fn the_record_shows_the_event_and_the_flow_that_it_belongs_to() {
    let mut stage = Stage::new().await;
    let (id, ada) = (Uuid::now_v7(), order());
    let mut event: Value = serde_json::from_slice(&envelope(id, &placed(ada, "permanent"))).unwrap();
    let correlation = Uuid::now_v7();
    event["correlationid"] = json!(correlation);
    event["traceparent"] = json!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    stage.intruder.publish("order_placed", id, event.to_string().into_bytes()).await;
    let desk = Desk::of_reader(&stage);
    let record = desk.show(id).await;
    assert_eq!(record["event"], event);
    assert_eq!(record["original"], Value::Null);
    assert_eq!(record["subject"], json!(ada));
    assert_eq!(record["correlation_id"], json!(correlation));
    assert_eq!(record["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");

    let undecodable = Uuid::now_v7();
    stage.intruder.publish("order_placed", undecodable, b"no JSON".to_vec()).await;
    let record = desk.show(undecodable_id("order_placed", Some(&undecodable.to_string()), b"no JSON")).await;
    assert_eq!((&record["event"], &record["subject"]), (&json!("no JSON"), &Value::Null));
}

#[tokio::test]
async fn the_record_names_the_message_that_it_waits_behind() {
    let ward = Ward::new().await;
    let desk = Desk::of_reader(&ward.stage);
    for behind in [ward.behind, ward.completed] {
        assert_eq!(desk.show(behind).await["waits_behind"], json!(ward.dead));
    }
    for first in [ward.dead, ward.waiting] {
        assert_eq!(desk.show(first).await["waits_behind"], Value::Null);
    }
}

#[tokio::test]
async fn what_is_not_parked_is_not_found() {
    let mut stage = Stage::new().await;
    let handled = stage.create(order(), "Ada").await.id;
    stage.settle().await;
    let desk = Desk::of_reader(&stage);
    for id in [handled.to_string(), Uuid::now_v7().to_string(), "no-id".into()] {
        assert!(desk.get(&format!("/admin/parked/{id}")).await.is_problem(StatusCode::NOT_FOUND));
    }
    assert!(desk.retry(handled).await.is_problem(StatusCode::NOT_FOUND));
    assert!(desk.discard(handled, "a reason").await.is_problem(StatusCode::NOT_FOUND));
    assert!(desk.edit(handled, "{}").await.is_problem(StatusCode::NOT_FOUND));
}

#[tokio::test]
async fn a_discarded_message_frees_what_waits_behind_and_is_never_handled() {
    let mut ward = Ward::new().await;
    let desk = Desk::of_reader(&ward.stage);
    let answer = desk.discard(ward.dead, " sent by a test ").await;
    assert_eq!((answer.status, &answer.body["state"]), (StatusCode::OK, &json!("discarded")));
    ward.stage.handler.fix();
    ward.stage.redrive().await;
    assert_eq!(ward.stage.effects().await, ["second", "completed"]);
    ward.stage.deliver_again().await;
    ward.stage.advance(SignedDuration::from_secs(1));
    ward.stage.redrive().await;
    assert_eq!(ward.stage.effects().await, ["second", "completed", "transient"], "never the discarded one");
}

#[tokio::test]
async fn a_message_is_given_up_only_for_a_reason() {
    let ward = Ward::new().await;
    let desk = Desk::of_reader(&ward.stage);
    for reason in ["", " \n", "a\0b", &"a".repeat(501)] {
        let answer = desk.discard(ward.dead, reason).await;
        assert!(answer.is_problem(StatusCode::UNPROCESSABLE_ENTITY), "{answer:?}");
        assert_eq!(answer.fields(), ["reason"]);
    }
    assert_eq!(desk.show(ward.dead).await["state"], "dead");
    assert_eq!(desk.discard(ward.dead, &"ä".repeat(500)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_can_be_done_about_what_is_resolved() {
    let mut ward = Ward::new().await;
    let desk = Desk::of_reader(&ward.stage);
    let event = desk.show(ward.dead).await["event"].to_string();
    ward.stage.handler.fix();
    assert_eq!(desk.discard(ward.waiting, "not needed").await.status, StatusCode::OK);
    assert_eq!(desk.retry(ward.dead).await.status, StatusCode::ACCEPTED);
    ward.stage.redrive().await;
    for (id, state) in [(ward.dead, "done"), (ward.waiting, "discarded")] {
        let refusals = [desk.retry(id).await, desk.edit(id, event.clone()).await, desk.discard(id, "again").await];
        for refusal in refusals {
            assert!(refusal.is_problem(StatusCode::CONFLICT), "{refusal:?}");
            assert!(refusal.body["detail"].as_str().unwrap().contains(state), "{refusal:?}");
        }
    }
    assert_eq!(ward.stage.effects().await, ["permanent", "second", "completed"]);
}
