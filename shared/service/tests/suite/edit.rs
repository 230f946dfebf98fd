//! A corrected event takes the place of one that could not be handled.

use axum::http::StatusCode;
use event::MAX_SIZE;
use messaging::{
    message::undecodable_id,
    testing::{
        orders::{order, placed},
        stage::{Stage, envelope},
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::Desk;

/// A message that is dead, what waits behind it, and the event as it was delivered.
struct Dead {
    stage: Stage,
    desk: Desk,
    ada: Uuid,
    id: Uuid,
    event: Value,
}

impl Dead {
    async fn new() -> Self {
        let mut stage = Stage::new().await;
        let ada = order();
        let id = stage.create(ada, "permanent").await.id;
        stage.settle().await;
        stage.create(ada, "second").await;
        stage.settle().await;
        let desk = Desk::of_reader(&stage);
        let event = desk.show(id).await["event"].clone();
        Self { stage, desk, ada, id, event }
    }

    /// The event with another name.
    fn corrected(&self, name: &str) -> Value {
        let mut event = self.event.clone();
        event["data"]["note"] = json!(name);
        event
    }
}

#[tokio::test]
async fn a_corrected_event_is_handled_when_it_is_retried_and_the_original_is_kept() {
    let mut dead = Dead::new().await;
    let (id, corrected) = (dead.id, dead.corrected("Ada"));
    let answer = dead.desk.edit(id, corrected.to_string()).await;
    assert_eq!((answer.status, &answer.body["edited"]), (StatusCode::OK, &json!(true)));
    dead.stage.redrive().await;
    assert!(dead.stage.effects().await.is_empty(), "an edit is no retry");

    assert_eq!(dead.desk.retry(id).await.status, StatusCode::ACCEPTED);
    dead.stage.redrive().await;
    assert_eq!(dead.stage.effects().await, ["Ada", "second"]);
    let record = dead.desk.show(id).await;
    assert_eq!((&record["state"], &record["event"]), (&json!("done"), &corrected));
    assert_eq!(record["original"], dead.event);
}

#[tokio::test]
async fn the_original_is_what_was_delivered_however_often_it_is_corrected() {
    let mut dead = Dead::new().await;
    for name in ["transient", "Ada"] {
        let corrected = dead.corrected(name).to_string();
        assert_eq!(dead.desk.edit(dead.id, corrected).await.status, StatusCode::OK);
    }
    assert_eq!(dead.desk.show(dead.id).await["original"], dead.event);
    dead.desk.retry(dead.id).await;
    dead.stage.redrive().await;
    assert_eq!(dead.stage.effects().await, ["Ada", "second"]);
}

#[tokio::test]
async fn another_event_is_refused_and_every_wrong_field_named() {
    let dead = Dead::new().await;
    let (other, bob) = (json!(Uuid::now_v7()), json!(order()));
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut event = dead.corrected("Ada");
        change(&mut event);
        event.to_string()
    };
    let wrong: [(String, &[&str]); 8] = [
        (changed(&|event| event["id"] = other.clone()), &["id"]),
        (changed(&|event| event["type"] = json!("order_completed")), &["type"]),
        (changed(&|event| (event["subject"], event["data"]["order_id"]) = (bob.clone(), bob.clone())), &["subject"]),
        (changed(&|event| event["data"]["order_id"] = bob.clone()), &["data"]),
        (changed(&|event| event["data"]["placed_at"] = json!("yesterday")), &["data"]),
        (changed(&|event| (event["id"], event["data"]) = (other.clone(), json!({}))), &["id", "data"]),
        ("{\"specversion\": \"1.0\"}".into(), &["event"]),
        ("no JSON".into(), &["event"]),
    ];
    for (event, fields) in wrong {
        let answer = dead.desk.edit(dead.id, event.clone()).await;
        assert!(answer.is_problem(StatusCode::UNPROCESSABLE_ENTITY), "{event}: {answer:?}");
        assert_eq!(answer.fields(), fields, "{event}");
    }
    let record = dead.desk.show(dead.id).await;
    assert_eq!((&record["event"], &record["original"]), (&dead.event, &Value::Null));
    assert_eq!(record["subject"], json!(dead.ada));
}

#[tokio::test]
async fn an_event_that_no_service_could_publish_is_too_large() {
    let dead = Dead::new().await;
    for size in [MAX_SIZE, 3 * MAX_SIZE] {
        let answer = dead.desk.edit(dead.id, dead.corrected(&"a".repeat(size)).to_string()).await;
        assert!(answer.is_problem(StatusCode::PAYLOAD_TOO_LARGE), "{size}: {answer:?}");
    }
}

#[tokio::test]
async fn what_was_no_event_is_corrected_and_handled_as_its_subject_s() {
    let mut stage = Stage::new().await;
    let (message_id, ada, desk) = (Uuid::now_v7(), order(), Desk::of_reader(&stage));
    stage.intruder.publish("order_placed", message_id, b"{\"name\": \"Ad".to_vec()).await;
    let id = undecodable_id("order_placed", Some(&message_id.to_string()), b"");
    assert_eq!(desk.show(id).await["subject"], Value::Null);
    let answer = desk.edit(id, envelope(id, &placed(ada, "Ada"))).await;
    assert_eq!((answer.status, &answer.body["subject"]), (StatusCode::OK, &json!(ada)));

    // From now on it holds up its order like any other.
    stage.create(ada, "second").await;
    stage.settle().await;
    assert!(stage.effects().await.is_empty());
    assert_eq!(desk.retry(id).await.status, StatusCode::ACCEPTED);
    stage.redrive().await;
    assert_eq!(stage.effects().await, ["Ada", "second"]);
    assert_eq!(desk.show(id).await["original"], "{\"name\": \"Ad");
}

#[tokio::test]
async fn what_waits_behind_another_can_be_corrected_before_its_turn() {
    let mut dead = Dead::new().await;
    let [second, _] = dead.desk.list("").await[..] else { panic!("not two") };
    let mut event = dead.desk.show(second).await["event"].clone();
    event["data"]["note"] = json!("corrected");
    assert_eq!(dead.desk.edit(second, event.to_string()).await.status, StatusCode::OK);
    dead.stage.handler.fix();
    dead.desk.retry(dead.id).await;
    dead.stage.redrive().await;
    assert_eq!(dead.stage.effects().await, ["permanent", "corrected"]);
}
