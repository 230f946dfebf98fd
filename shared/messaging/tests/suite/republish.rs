//! For a broker that has lost everything: the retained events again, under their ids, in their order.

use axum::http::StatusCode;
use jiff::SignedDuration;
use messaging::{audit::Operator, database::Database, outbox, testing};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    outbox::Broker,
    stage::{Stage, created, customer, database, publish},
};

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
async fn what_was_published_is_sent_again_under_its_ids_and_in_its_customer_s_order() {
    let (database, broker) = (database("customer").await, Broker::default());
    let customers = [customer(), customer()];
    let mut ids = [Vec::new(), Vec::new()];
    for round in 0..3 {
        for (of_customer, customer) in ids.iter_mut().zip(customers) {
            of_customer.push(publish(&database, &created(customer, &round.to_string())).await.id);
        }
    }
    let mut relay = broker.relay(&database);
    assert_eq!(relay.drain().await.unwrap(), 6);
    let first = broker.take();

    assert_eq!(outbox::republish(&database, database.clock.now(), &operator()).await.unwrap(), 6);
    // What is new comes after what was before it.
    ids[0].push(publish(&database, &created(customers[0], "new")).await.id);
    assert_eq!(relay.drain().await.unwrap(), 7);
    let again = broker.take();
    for of_customer in ids {
        let sent: Vec<Uuid> = again.iter().map(|message| message.id).filter(|id| of_customer.contains(id)).collect();
        assert_eq!(sent, of_customer);
    }
    let body = |id| again.iter().find(|message| message.id == id).map(|message| message.body.clone());
    assert!(first.iter().all(|message| body(message.id).as_ref() == Some(&message.body)), "the same to the last byte");
}

#[tokio::test]
async fn only_what_was_published_since_is_sent_again() {
    let (database, broker) = (database("customer").await, Broker::default());
    let mut relay = broker.relay(&database);
    publish(&database, &created(customer(), "long ago")).await;
    relay.drain().await.unwrap();
    database.clock.advance(SignedDuration::from_secs(1));
    // Recorded before and published after what the broker forgot: it is what the broker lost that counts.
    let since = database.clock.now() + SignedDuration::from_secs(1);
    let late = publish(&database, &created(customer(), "published late")).await.id;
    database.clock.advance(SignedDuration::from_secs(2));
    relay.drain().await.unwrap();
    broker.take();
    assert_eq!(outbox::republish(&database, since, &operator()).await.unwrap(), 1);
    relay.drain().await.unwrap();
    assert_eq!(broker.taken(), [late]);
}

#[tokio::test]
async fn every_inbox_drops_what_it_has_handled() {
    let mut stage = Stage::new().await;
    for name in ["Ada", "Bob"] {
        stage.create(customer(), name).await;
    }
    stage.settle().await;
    let request = json!({ "from": stage.owner.database.clock.now() });
    let answer = stage.owner_desk().post("/admin/republish", &request).await;
    assert_eq!((answer.status, &answer.body), (StatusCode::OK, &json!({ "republished": 2 })));
    assert_eq!(stage.owner.relay.drain().await.unwrap(), 2);
    assert_eq!(stage.effects().await, ["Ada", "Bob"]);
    let trail: Vec<(String, String, Value)> = sqlx::query_as("SELECT operator, action, after FROM audit")
        .fetch_all(&stage.owner.database.pool)
        .await
        .unwrap();
    let done = json!({ "from": request["from"], "republished": 2 });
    assert_eq!(trail, [("ada".to_owned(), "republish".to_owned(), done)]);
}

/// Otherwise the customer's new event could be published before its earlier ones are due again.
#[tokio::test]
async fn no_relay_claims_while_a_republish_is_under_way() {
    let (database, broker) = (database("customer").await, Broker::default());
    let (ada, mut relay) = (customer(), broker.relay(&database));
    let earlier = publish(&database, &created(ada, "earlier")).await.id;
    relay.drain().await.unwrap();
    broker.take();
    // Somebody holds the row that the republish must change: it stops half-way.
    let mut holder = database.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM outbox FOR UPDATE").execute(&mut *holder).await.unwrap();
    let (republishing, from) = (database.clone(), database.clock.now());
    let republish = tokio::spawn(async move { outbox::republish(&republishing, from, &operator()).await });
    testing::eventually("the republish waits for the row", || async { waiting(&database).await == 1 }).await;

    let new = publish(&database, &created(ada, "new")).await.id;
    assert_eq!(relay.turn().await.unwrap().claimed, 0);
    holder.rollback().await.unwrap();
    assert_eq!(republish.await.unwrap().unwrap(), 1);
    relay.drain().await.unwrap();
    assert_eq!(broker.taken(), [earlier, new]);
}

#[tokio::test]
async fn a_republish_waits_for_the_turn_of_a_relay_that_has_begun() {
    let (database, broker) = (database("customer").await, Broker::default());
    publish(&database, &created(customer(), "Ada")).await;
    let answer = broker.hold();
    let mut relay = broker.relay(&database);
    let turn = tokio::spawn(async move { relay.turn().await.unwrap().published });
    testing::eventually("the turn has begun", || async { broker.taken().len() == 1 }).await;
    let (republishing, from) = (database.clone(), database.clock.now());
    let republish = tokio::spawn(async move { outbox::republish(&republishing, from, &operator()).await });
    testing::eventually("the republish waits for the turn", || async { waiting(&database).await == 1 }).await;
    answer.notify_one();
    assert_eq!(turn.await.unwrap(), 1);
    assert_eq!(republish.await.unwrap().unwrap(), 1, "what the turn has just published as well");
}
