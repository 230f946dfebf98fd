//! Atomic, at least once, and in order on the way out.

use std::collections::HashSet;

use messaging::{
    database::Database,
    testing::{
        broker::Broker,
        orders::{OrderCompleted, order, placed},
        stage::{database, publish},
    },
    unit_of_work::PublishError,
};
use uuid::Uuid;

async fn outbox_rows(database: &Database) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&database.pool).await.unwrap()
}

#[tokio::test]
async fn an_event_commits_with_its_fact_or_not_at_all() {
    let database = database("orders").await;
    let mut tx = database.begin().await.unwrap();
    tx.publish(&placed(order(), "Ada")).unwrap();
    sqlx::query("INSERT INTO effects (name) VALUES ('Ada')").execute(tx.sql()).await.unwrap();
    drop(tx);
    assert_eq!(outbox_rows(&database).await, 0);

    let mut tx = database.begin().await.unwrap();
    tx.publish(&placed(order(), "Ada")).unwrap();
    assert!(sqlx::query("INSERT INTO effects (id) VALUES ('no number')").execute(tx.sql()).await.is_err());
    assert!(tx.commit().await.is_err());
    assert_eq!(outbox_rows(&database).await, 0);
}

#[tokio::test]
async fn an_event_that_the_broker_would_refuse_can_not_exist() {
    let database = database("orders").await;
    let mut tx = database.begin().await.unwrap();
    let huge = placed(order(), &"a".repeat(300 * 1024));
    assert!(matches!(tx.publish(&huge), Err(PublishError::TooLarge { .. })));
    tx.commit().await.unwrap();
    assert_eq!(outbox_rows(&database).await, 0);
}

#[tokio::test]
async fn a_turn_publishes_at_most_one_event_of_each_subject() {
    let (database, broker) = (database("orders").await, Broker::default());
    let (ada, bob) = (order(), order());
    let mut expected = Vec::new();
    for _ in 0..3 {
        expected.push(publish(&database, &placed(ada, "Ada")).await.id);
    }
    let bobs = publish(&database, &placed(bob, "Bob")).await.id;
    let mut relay = broker.relay(&database);
    assert_eq!(relay.drain().await.unwrap(), 4);
    assert_eq!(broker.batches(), [2, 1, 1]);
    let adas: Vec<_> = broker.taken().into_iter().filter(|id| *id != bobs).collect();
    assert_eq!(adas, expected);
}

#[tokio::test]
async fn what_is_refused_holds_back_its_subject_and_nobody_else() {
    let (database, broker) = (database("orders").await, Broker::default());
    let (ada, bob) = (order(), order());
    let first = publish(&database, &placed(ada, "Ada")).await.id;
    let second = publish(&database, &placed(ada, "Ada again")).await.id;
    let bobs = publish(&database, &placed(bob, "Bob")).await.id;
    broker.refuse(first);
    let mut relay = broker.relay(&database);
    relay.drain().await.unwrap();
    assert_eq!(broker.taken(), [bobs]);

    broker.refuse_nothing();
    assert_eq!(relay.drain().await.unwrap(), 0, "it rests first");
    database.clock.advance(jiff::SignedDuration::from_secs(61));
    assert_eq!(relay.drain().await.unwrap(), 2);
    assert_eq!(broker.taken(), [bobs, first, second]);
}

#[tokio::test]
async fn the_event_that_closes_the_channel_is_found_and_rests_alone() {
    let (database, broker) = (database("orders").await, Broker::default());
    let mut ids = Vec::new();
    for name in ["Ada", "Bob", "Cy"] {
        ids.push(publish(&database, &placed(order(), name)).await.id);
    }
    broker.close_over(ids[1]);
    let mut relay = broker.relay(&database);
    assert!(relay.publish_batch().await.is_err());
    for _ in 0..3 {
        relay.publish_batch().await.unwrap();
    }
    assert_eq!(broker.taken(), [ids[0], ids[2]]);
    assert_eq!(broker.batches(), [3, 1, 1, 1]);
}

#[tokio::test]
async fn a_row_that_commits_late_is_still_published() {
    let (database, broker) = (database("orders").await, Broker::default());
    let mut relay = broker.relay(&database);
    // A row with an early `seq` whose transaction stays open, as another process's might.
    let mut late = database.pool.begin().await.unwrap();
    let (id, ada) = (Uuid::now_v7(), order());
    sqlx::query(
        "INSERT INTO outbox (event_id, event_type, version, subject, correlation_id, recorded_at, data)
         VALUES ($1, 'order_placed', 1, $2, $1, now(), '{}')",
    )
    .bind(id)
    .bind(ada)
    .execute(&mut *late)
    .await
    .unwrap();
    let early = publish(&database, &placed(order(), "Bob")).await.id;
    assert_eq!(relay.drain().await.unwrap(), 1);
    late.commit().await.unwrap();
    assert_eq!(relay.drain().await.unwrap(), 1);
    assert_eq!(broker.taken(), [early, id]);
    let sequences: Vec<_> = broker.envelopes().iter().map(|envelope| envelope.sequence).collect();
    assert!(sequences[0] > sequences[1], "the later row has the earlier number: {sequences:?}");
}

#[tokio::test]
async fn two_relays_share_the_work_and_keep_the_order() {
    let (database, broker) = (database("orders").await, Broker::default());
    let orders = [order(), order(), order()];
    for round in 0..20 {
        for ada in orders {
            publish(&database, &placed(ada, &round.to_string())).await;
        }
    }
    let (mut one, mut other) = (broker.relay(&database), broker.relay(&database));
    let (mut done, mut idle) = (0, 0);
    while idle < 2 {
        let (a, b) = tokio::join!(one.publish_batch(), other.publish_batch());
        let published = a.unwrap().published + b.unwrap().published;
        done += published;
        idle = if published == 0 { idle + 1 } else { 0 };
    }
    assert_eq!(done, 60);
    assert_eq!(broker.taken().into_iter().collect::<HashSet<_>>().len(), 60);
    let taken = broker.envelopes();
    for ada in orders {
        let sequences: Vec<_> = taken.iter().filter(|e| e.subject == ada).map(|e| e.sequence).collect();
        assert!(sequences.is_sorted() && sequences.len() == 20, "{sequences:?}");
    }
}

#[tokio::test]
async fn a_blocked_broker_is_waited_out_without_claiming() {
    let (database, broker) = (database("orders").await, Broker::default());
    publish(&database, &OrderCompleted { order_id: order(), completed_at: database.clock.now() }).await;
    broker.block(true);
    let mut relay = broker.relay(&database);
    let turn = relay.publish_batch().await.unwrap();
    assert_eq!((turn.claimed, turn.published), (0, 0));
    broker.block(false);
    assert_eq!(relay.drain().await.unwrap(), 1);
}
