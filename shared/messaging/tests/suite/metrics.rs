//! What is counted is what happened, and labels have few values.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use jiff::SignedDuration;
use messaging::{
    database::Database,
    health::{Condition, Health},
    metrics::collector::Collector,
    testing::{
        broker::Broker,
        orders::{order, placed},
        stage::{Stage, database, envelope, publish},
    },
};
use metrics::scrape::Scrape;
use uuid::Uuid;

/// What a scraper is told.
fn scrape(database: &Database) -> Scrape {
    Scrape::parse(&database.metrics.registry.encode().unwrap())
}

fn counted(database: &Database, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    scrape(database).sum(name, labels)
}

const PLACED: [(&str, &str); 1] = [("event_type", "order_placed")];
const COMPLETED: [(&str, &str); 1] = [("event_type", "order_completed")];

#[tokio::test]
async fn every_message_is_counted_as_what_became_of_it() {
    let mut stage = Stage::new().await;
    for _ in 0..3 {
        stage.create(order(), "Ada").await;
    }
    // The reader's follow-ups are recorded a minute after the flows began.
    stage.advance(SignedDuration::from_mins(1));
    stage.settle().await;
    stage.deliver_again().await;
    let (owner, reader) = (scrape(&stage.owner.database), scrape(&stage.reader.database));
    assert_eq!(owner.sum("outbox_published_total", &PLACED), Some(6.0));
    assert_eq!(owner.sum("outbox_returned_total", &[]), Some(0.0));
    assert_eq!(reader.sum("inbox_handled_total", &[]), Some(3.0));
    assert_eq!(reader.sum("inbox_handled_total", &PLACED), Some(3.0));
    assert_eq!(reader.sum("inbox_already_handled_total", &PLACED), Some(3.0));
    assert_eq!(reader.sum("inbox_batch_messages_sum", &[]), Some(6.0));
    assert_eq!(reader.histogram("inbox_handler_seconds", &PLACED).count(), 3.0);
    let transactions = reader.histogram("inbox_transaction_seconds", &[]).count();
    assert_eq!(transactions, reader.sum("inbox_batch_messages_count", &[]).unwrap());
    let flows = reader.histogram("flow_duration_seconds", &COMPLETED);
    assert_eq!(flows.count(), 3.0, "one for each follow-up");
    assert!(flows.quantile(0.5).is_some_and(|seconds| (60.0..300.0).contains(&seconds)), "{flows:?}");
    assert!(owner.histogram("flow_duration_seconds", &PLACED).quantile(1.0).is_some_and(|seconds| seconds <= 0.025));
}

#[tokio::test]
async fn what_was_rolled_back_is_counted_when_it_succeeds() {
    let mut stage = Stage::new().await;
    stage.create(order(), "transient").await;
    stage.settle().await;
    let reader = stage.reader.database.clone();
    let before = scrape(&reader);
    assert_eq!(before.sum("inbox_handled_total", &[]), Some(0.0));
    assert_eq!(before.sum("flow_duration_seconds_count", &[]), None, "the handler had published");
    assert_eq!(before.sum("inbox_batch_messages_count", &[]), Some(0.0));
    stage.handler.fix();
    stage.advance(SignedDuration::from_secs(1));
    stage.redrive().await;
    assert_eq!(counted(&reader, "inbox_handled_total", &PLACED), Some(1.0));
    assert_eq!(counted(&reader, "flow_duration_seconds_count", &COMPLETED), Some(1.0));
}

#[tokio::test]
async fn a_flow_whose_id_does_not_tell_its_time_is_not_measured() {
    let mut stage = Stage::new().await;
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, b"no time");
    stage.intruder.publish("order_placed", id, envelope(id, &placed(order(), "Ada"))).await;
    let reader = scrape(&stage.reader.database);
    assert_eq!(reader.sum("inbox_handled_total", &PLACED), Some(1.0));
    assert_eq!(reader.sum("flow_duration_seconds_count", &[]), None);
}

#[tokio::test]
async fn what_the_broker_does_not_confirm_is_counted_and_stays() {
    let (database, broker) = (database("orders").await, Broker::default());
    let refused = publish(&database, &placed(order(), "Ada")).await.id;
    publish(&database, &placed(order(), "Bob")).await;
    broker.refuse(refused);
    broker.relay(&database).drain().await.unwrap();
    database.clock.advance(SignedDuration::from_secs(61));
    let collector = Collector::new(database.clone(), Health::default());
    collector.collect_all().await;
    let scrape = scrape(&database);
    assert_eq!(scrape.sum("outbox_returned_total", &[]), Some(1.0));
    assert_eq!(scrape.sum("outbox_published_total", &PLACED), Some(1.0));
    assert_eq!(scrape.histogram("outbox_confirm_seconds", &[]).count(), 1.0);
    assert_eq!(scrape.sum("outbox_unpublished_events", &[]), Some(1.0));
    assert_eq!(scrape.sum("outbox_oldest_unpublished_seconds", &[]), Some(61.0));
    assert_eq!(scrape.sum("broker_connected", &[("connection", "publisher")]), Some(1.0));
    assert_eq!(scrape.sum("broker_blocked", &[]), Some(0.0));
}

#[tokio::test]
async fn what_is_parked_is_sampled_by_state() {
    let mut stage = Stage::new().await;
    let ada = order();
    for (order_id, name) in [(ada, "transient"), (ada, "Ada"), (ada, "Ada"), (order(), "permanent")] {
        stage.create(order_id, name).await;
    }
    stage.settle().await;
    stage.advance(SignedDuration::from_mins(2));
    let database = stage.reader.database.clone();
    Collector::new(database.clone(), Health::default()).collect_all().await;
    let scrape = scrape(&database);
    for (state, messages) in [("waiting", 1.0), ("behind", 2.0), ("dead", 1.0)] {
        assert_eq!(scrape.sum("parked_messages", &[("state", state)]), Some(messages), "{state}");
        assert_eq!(scrape.sum("parked_oldest_seconds", &[("state", state)]), Some(120.0), "{state}");
    }
    let now = database.clock.now().as_duration().as_secs_f64();
    assert_eq!(scrape.sum("sample_last_success_timestamp_seconds", &[]), Some(now));
}

#[tokio::test]
async fn where_the_database_is_away_the_last_values_stay_and_their_age_tells() {
    let database = database("orders").await;
    publish(&database, &placed(order(), "Ada")).await;
    let health = Health::default();
    let mut collector = Collector::new(database.clone(), health.clone());
    collector.look().await.unwrap();
    let first = scrape(&database);
    assert_eq!((first.sum("service_ready", &[]), first.sum("outbox_unpublished_events", &[])), (Some(1.0), Some(1.0)));
    health.set("relay", Condition::Down("a test".into()));
    collector.look().await.unwrap();
    assert_eq!(counted(&database, "service_ready", &[]), Some(0.0));

    health.set("relay", Condition::Up);
    database.clock.advance(SignedDuration::from_mins(1));
    database.pool.close().await;
    collector.look().await.unwrap();
    let later = scrape(&database);
    assert_eq!(later.sum("service_ready", &[]), Some(0.0));
    for same in ["outbox_unpublished_events", "sample_last_success_timestamp_seconds"] {
        assert_eq!(later.sum(same, &[]), first.sum(same, &[]), "{same}");
    }
}
