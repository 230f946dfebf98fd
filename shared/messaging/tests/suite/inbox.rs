//! Once per service, many in one commit, and no message hurts its neighbours.

use messaging::testing::{
    orders::{OrderCompleted, order, placed},
    stage::{Stage, envelope},
};
use uuid::Uuid;

#[tokio::test]
async fn an_event_is_handled_once_however_often_it_comes() {
    let mut stage = Stage::new().await;
    let (ada, completed, placed_id) = (order(), Uuid::now_v7(), Uuid::now_v7());
    // One without a follow-up, whose unique id would catch a second handling too, and one with.
    let event = OrderCompleted { order_id: ada, completed_at: stage.owner.database.clock.now() };
    for _ in 0..3 {
        stage.intruder.publish("order_completed", completed, envelope(completed, &event)).await;
        stage.intruder.publish("order_placed", placed_id, envelope(placed_id, &placed(ada, "Ada"))).await;
    }
    assert_eq!(stage.effects().await, ["completed", "Ada"]);
    let followed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&stage.reader.database.pool).await.unwrap();
    assert_eq!(followed, 1, "the follow-up is published once as well");
}

#[tokio::test]
async fn the_same_event_twice_in_one_batch_is_handled_once() {
    let mut stage = Stage::new().await;
    let event = OrderCompleted { order_id: order(), completed_at: stage.owner.database.clock.now() };
    let id = Uuid::now_v7();
    let twice = vec![("order_completed", id, envelope(id, &event)); 2];
    stage.intruder.publish_all(twice).await;
    assert_eq!(stage.effects().await, ["completed"]);
}

#[tokio::test]
async fn a_follow_up_bears_a_derived_id_and_its_flow() {
    let mut stage = Stage::new().await;
    let cause = stage.create(order(), "Ada").await;
    stage.settle().await;
    let (id, causation, correlation): (Uuid, Uuid, Uuid) =
        sqlx::query_as("SELECT event_id, causation_id, correlation_id FROM outbox")
            .fetch_one(&stage.reader.database.pool)
            .await
            .unwrap();
    assert_eq!(id, event::derived_id(cause.id, "reader", "order_completed", 0));
    assert_eq!((causation, correlation), (cause.id, cause.id));
}

#[tokio::test]
async fn what_is_buffered_shares_one_commit() {
    let mut stage = Stage::new().await;
    for _ in 0..50 {
        stage.create(order(), "Ada").await;
    }
    // One turn of the relay puts all fifty into the queue at once.
    stage.settle().await;
    let commits: i64 = sqlx::query_scalar("SELECT count(DISTINCT xid) FROM effects")
        .fetch_one(&stage.reader.database.pool)
        .await
        .unwrap();
    assert_eq!(stage.effects().await.len(), 50);
    assert!(commits <= 5, "{commits} commits for 50 messages");
}

#[tokio::test]
async fn one_bad_message_does_not_hurt_its_neighbours() {
    for (bad, reason, state) in [
        ("transient", "handler_transient", "waiting"),
        ("permanent", "handler_permanent", "dead"),
        ("panic", "panicked", "waiting"),
    ] {
        let mut stage = Stage::new().await;
        for name in ["Ada", bad, "Cy"] {
            stage.create(order(), name).await;
        }
        stage.settle().await;
        assert_eq!(stage.effects().await, ["Ada", "Cy"], "{bad}");
        assert_eq!(stage.parked().await, [(state.to_owned(), reason.to_owned())]);
    }
}

#[tokio::test]
async fn order_within_a_subject_is_the_order_of_the_outbox() {
    let mut stage = Stage::new().await;
    let orders: Vec<Uuid> = (0..5).map(|_| order()).collect();
    for round in 0..10 {
        for ada in &orders {
            stage.create(*ada, &format!("{round}")).await;
        }
    }
    stage.settle().await;
    for ada in orders {
        let names: Vec<String> = sqlx::query_scalar("SELECT name FROM effects WHERE subject = $1 ORDER BY id")
            .bind(ada)
            .fetch_all(&stage.reader.database.pool)
            .await
            .unwrap();
        assert_eq!(names, (0..10).map(|round| round.to_string()).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_parked() {
    let mut settings = messaging::testing::settings();
    settings.limits.base = std::time::Duration::from_millis(300);
    let mut stage = Stage::with(settings).await;
    stage.create(order(), "slow").await;
    stage.create(order(), "Ada").await;
    stage.settle().await;
    assert_eq!(stage.effects().await, ["Ada"]);
    assert_eq!(stage.parked().await, [("waiting".to_owned(), "timed_out".to_owned())]);
}
