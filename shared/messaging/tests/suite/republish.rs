//! For a broker that has lost everything: the retained events again, under their ids, in their order.

use jiff::SignedDuration;
use messaging::{
    audit::Operator,
    database::Database,
    outbox::republish::{RepublishError, republish},
    testing::{
        self,
        broker::Broker,
        orders::{order, placed},
        stage::{database, publish},
    },
};
use uuid::Uuid;

fn operator() -> Operator {
    Operator("a test".into())
}

/// How many sessions of this database wait for a lock.
async fn waiting(database: &Database) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn what_was_published_is_sent_again_under_its_ids_and_in_its_subject_s_order() {
    let (database, broker) = (database("orders").await, Broker::default());
    let orders = [order(), order()];
    let mut ids = [Vec::new(), Vec::new()];
    for round in 0..3 {
        for (of_order, order) in ids.iter_mut().zip(orders) {
            of_order.push(publish(&database, &placed(order, &round.to_string())).await.id);
        }
    }
    let mut relay = broker.relay(&database);
    assert_eq!(relay.drain().await.unwrap(), 6);
    let first = broker.take();

    assert_eq!(republish(&database, database.clock.now(), 90, &operator()).await.unwrap(), 6);
    // What is new comes after what was before it.
    ids[0].push(publish(&database, &placed(orders[0], "new")).await.id);
    assert_eq!(relay.drain().await.unwrap(), 7);
    let again = broker.take();
    for of_order in ids {
        let sent: Vec<Uuid> = again.iter().map(|message| message.id).filter(|id| of_order.contains(id)).collect();
        assert_eq!(sent, of_order);
    }
    let body = |id| again.iter().find(|message| message.id == id).map(|message| message.body.clone());
    assert!(first.iter().all(|message| body(message.id).as_ref() == Some(&message.body)), "the same to the last byte");
}

#[tokio::test]
async fn only_what_was_published_since_is_sent_again() {
    let (database, broker) = (database("orders").await, Broker::default());
    let mut relay = broker.relay(&database);
    publish(&database, &placed(order(), "long ago")).await;
    relay.drain().await.unwrap();
    database.clock.advance(SignedDuration::from_secs(1));
    // Recorded before and published after what the broker forgot: it is what the broker lost that counts.
    let since = database.clock.now() + SignedDuration::from_secs(1);
    let late = publish(&database, &placed(order(), "published late")).await.id;
    database.clock.advance(SignedDuration::from_secs(2));
    relay.drain().await.unwrap();
    broker.take();
    assert_eq!(republish(&database, since, 90, &operator()).await.unwrap(), 1);
    relay.drain().await.unwrap();
    assert_eq!(broker.taken(), [late]);
}

/// Otherwise the order's new event could be published before its earlier ones are due again.
#[tokio::test]
async fn no_relay_claims_while_a_republish_is_under_way() {
    let (database, broker) = (database("orders").await, Broker::default());
    let (ada, mut relay) = (order(), broker.relay(&database));
    let earlier = publish(&database, &placed(ada, "earlier")).await.id;
    relay.drain().await.unwrap();
    broker.take();
    // Somebody holds the row that the republish must change: it stops half-way.
    let mut holder = database.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM outbox FOR UPDATE").execute(&mut *holder).await.unwrap();
    let (republishing, from) = (database.clone(), database.clock.now());
    let republish = tokio::spawn(async move { republish(&republishing, from, 90, &operator()).await });
    testing::eventually("the republish waits for the row", || async { waiting(&database).await == 1 }).await;

    let new = publish(&database, &placed(ada, "new")).await.id;
    assert_eq!(relay.publish_batch().await.unwrap().claimed, 0);
    holder.rollback().await.unwrap();
    assert_eq!(republish.await.unwrap().unwrap(), 1);
    relay.drain().await.unwrap();
    assert_eq!(broker.taken(), [earlier, new]);
}

#[tokio::test]
async fn a_republish_waits_for_the_turn_of_a_relay_that_has_begun() {
    let (database, broker) = (database("orders").await, Broker::default());
    publish(&database, &placed(order(), "Ada")).await;
    let answer = broker.hold();
    let mut relay = broker.relay(&database);
    let turn = tokio::spawn(async move { relay.publish_batch().await.unwrap().published });
    testing::eventually("the turn has begun", || async { broker.taken().len() == 1 }).await;
    let (republishing, from) = (database.clone(), database.clock.now());
    let republish = tokio::spawn(async move { republish(&republishing, from, 90, &operator()).await });
    testing::eventually("the republish waits for the turn", || async { waiting(&database).await == 1 }).await;
    answer.notify_one();
    assert_eq!(turn.await.unwrap(), 1);
    assert_eq!(republish.await.unwrap().unwrap(), 1, "what the turn has just published as well");
}

#[tokio::test]
async fn what_inboxes_may_have_forgotten_is_not_sent_again() {
    let (database, broker) = (database("orders").await, Broker::default());
    publish(&database, &placed(order(), "old")).await;
    database.clock.advance(SignedDuration::from_hours(24 * 30 + 1));
    let later = database.clock.now();
    publish(&database, &placed(order(), "new")).await;
    let mut relay = broker.relay(&database);
    assert_eq!(relay.drain().await.unwrap(), 2);
    let refused = republish(&database, later, 30, &operator()).await;
    assert!(matches!(refused, Err(RepublishError::Forgotten { inbox_days: 30, .. })), "{refused:?}");
    assert_eq!(relay.drain().await.unwrap(), 0, "not even what is younger");
    assert_eq!(republish(&database, later, 31, &operator()).await.unwrap(), 2);
}
