//! An event is its type and its id: whoever takes the ids of another's events keeps nobody from those.

use messaging::{
    message::undecodable_id,
    testing::{
        orders::{OrderCompleted, order, placed},
        stage::{Stage, envelope},
    },
};
use uuid::Uuid;

fn completed(stage: &Stage, id: Uuid) -> Vec<u8> {
    envelope(id, &OrderCompleted { order_id: order(), completed_at: stage.owner.database.clock.now() })
}

#[tokio::test]
async fn an_event_with_the_id_of_one_of_another_type_is_handled_and_once() {
    let mut stage = Stage::new().await;
    let [first, same_batch] = [(); 2].map(|()| Uuid::now_v7());
    stage.intruder.publish("order_completed", first, completed(&stage, first)).await;
    let body = envelope(first, &placed(order(), "Ada"));
    for _ in 0..2 {
        stage.intruder.publish("order_placed", first, body.clone()).await;
    }
    assert_eq!(stage.effects().await, ["completed", "Ada"]);

    let together = vec![
        ("order_completed", same_batch, completed(&stage, same_batch)),
        ("order_placed", same_batch, envelope(same_batch, &placed(order(), "Bob"))),
    ];
    for _ in 0..2 {
        stage.intruder.publish_all(together.clone()).await;
    }
    assert_eq!(stage.effects().await, ["completed", "Ada", "completed", "Bob"]);
    assert!(stage.parked().await.is_empty());
}

#[tokio::test]
async fn an_event_that_fails_under_the_id_of_another_type_is_parked() {
    let mut stage = Stage::new().await;
    let id = Uuid::now_v7();
    stage.intruder.publish("order_completed", id, completed(&stage, id)).await;
    stage.intruder.publish("order_placed", id, envelope(id, &placed(order(), "permanent"))).await;
    assert_eq!(stage.parked().await, [("dead".to_owned(), "handler_permanent".to_owned())]);
}

#[tokio::test]
async fn what_is_no_event_takes_no_event_s_id() {
    let mut stage = Stage::new().await;
    let id = Uuid::now_v7();
    stage.intruder.publish("order_placed", id, b"no JSON".to_vec()).await;
    stage.intruder.publish("order_placed", id, envelope(id, &placed(order(), "Ada"))).await;
    assert_eq!(stage.effects().await, ["Ada"]);
    let kept = stage.parked_operations().show(undecodable_id("order_placed", Some(&id.to_string()), b"")).await;
    assert_eq!(kept.unwrap().summary.subject, None);
}
