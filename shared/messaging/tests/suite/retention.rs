//! What is old goes, and nothing that is still needed.

use std::collections::HashSet;

use jiff::SignedDuration;
use messaging::{
    audit::Operator,
    database::Database,
    parked::operations::State,
    retention::{Purge, Purged, Retention},
    testing::{
        broker::Broker,
        orders::{order, placed},
        stage::{Stage, database, publish},
    },
};
use uuid::Uuid;

fn operator() -> Operator {
    Operator("a test".into())
}

/// Purges until nothing is old; gives how many rows went.
async fn purge(database: &Database) -> u64 {
    let mut purge = Purge::new(database.clone(), Retention::default());
    let mut rows = 0;
    while let Purged::Rows(some) = purge.step().await.unwrap() {
        rows += some;
    }
    rows
}

async fn ids(database: &Database, table: &str) -> HashSet<Uuid> {
    let query = format!("SELECT event_id FROM {table}");
    let ids: Vec<Uuid> = sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_all(&database.pool).await.unwrap();
    ids.into_iter().collect()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

#[tokio::test]
async fn an_event_leaves_the_outbox_a_week_after_it_was_published_and_never_before() {
    let (database, broker) = (database("orders").await, Broker::default());
    let mut relay = broker.relay(&database);
    let refused = publish(&database, &placed(order(), "refused")).await.id;
    broker.refuse(refused);
    publish(&database, &placed(order(), "old")).await;
    relay.drain().await.unwrap();
    database.clock.advance(days(1));
    let younger = publish(&database, &placed(order(), "younger")).await.id;
    relay.drain().await.unwrap();
    assert_eq!(purge(&database).await, 0);

    database.clock.advance(days(6) + SignedDuration::from_secs(1));
    assert_eq!(purge(&database).await, 1);
    assert_eq!(ids(&database, "outbox").await, HashSet::from([refused, younger]));
    database.clock.advance(days(365));
    assert_eq!(purge(&database).await, 1);
    assert_eq!(ids(&database, "outbox").await, HashSet::from([refused]), "not published: not purged, however old");
}

#[tokio::test]
async fn an_event_that_was_published_late_is_kept_for_as_long_as_any_other() {
    let (database, broker) = (database("orders").await, Broker::default());
    let late = publish(&database, &placed(order(), "late")).await.id;
    database.clock.advance(days(8));
    broker.relay(&database).drain().await.unwrap();
    assert_eq!(purge(&database).await, 0);
    assert_eq!(ids(&database, "outbox").await, HashSet::from([late]));
}

#[tokio::test]
async fn what_can_not_be_published_does_not_keep_the_purge_from_what_comes_after_it() {
    let (database, broker) = (database("orders").await, Broker::default());
    // More than the purge looks through in one batch.
    sqlx::query(
        "INSERT INTO outbox (event_id, event_type, version, subject, correlation_id, recorded_at, data, next_attempt_at)
         SELECT gen_random_uuid(), 'order_placed', 1, gen_random_uuid(), gen_random_uuid(), $1, '{}', 'infinity'
         FROM generate_series(1, 2500)",
    )
    .bind(jiff_sqlx::Timestamp::from(database.clock.now()))
    .execute(&database.pool)
    .await
    .unwrap();
    let published = publish(&database, &placed(order(), "Ada")).await.id;
    broker.relay(&database).drain().await.unwrap();
    assert_eq!(broker.taken(), [published]);
    database.clock.advance(days(8));
    assert_eq!(purge(&database).await, 1);
    assert_eq!(ids(&database, "outbox").await.len(), 2500);
}

#[tokio::test]
async fn an_event_leaves_the_inbox_after_90_days_unless_it_is_still_parked() {
    let mut stage = Stage::new().await;
    let handled = stage.create(order(), "Ada").await.id;
    let discarded = stage.create(order(), "permanent").await.id;
    let dead = stage.create(order(), "permanent").await.id;
    stage.settle().await;
    stage.parked_operations().discard(discarded, "not needed", &operator()).await.unwrap();
    stage.advance(days(10));
    let recent = stage.create(order(), "Bob").await.id;
    stage.settle().await;
    let reader = stage.reader.database.clone();
    assert_eq!(purge(&reader).await, 0);

    stage.advance(days(80) + SignedDuration::from_secs(1));
    assert_eq!(purge(&reader).await, 3, "two of the inbox, one that was parked");
    assert_eq!(ids(&reader, "inbox").await, HashSet::from([dead, recent]));
    assert_eq!(ids(&reader, "parked").await, HashSet::from([dead]));
    assert_eq!(ids(&reader, "attempts").await, HashSet::from([dead]));
    assert_eq!(ids(&reader, "audit").await, HashSet::from([discarded]), "the trail stays");
    assert!(!ids(&reader, "inbox").await.contains(&handled));
}

#[tokio::test]
async fn what_was_resolved_a_moment_ago_can_still_be_looked_up_however_long_it_was_parked() {
    let mut stage = Stage::new().await;
    let dead = stage.create(order(), "permanent").await.id;
    stage.settle().await;
    stage.advance(days(100));
    let parked = stage.parked_operations();
    parked.discard(dead, "not needed", &operator()).await.unwrap();
    assert_eq!(purge(&stage.reader.database).await, 0);
    assert_eq!(parked.show(dead).await.unwrap().summary.state, State::Discarded);
    stage.advance(days(90) + SignedDuration::from_secs(1));
    assert_eq!(purge(&stage.reader.database).await, 2);
}

#[test]
fn an_inbox_remembers_at_least_as_long_as_histories_tell() {
    let keeping = |inbox_days, history_days| Retention { outbox_days: 1, inbox_days, history_days }.check();
    assert!(Retention::default().check().is_ok());
    assert!(keeping(30, 30).is_ok());
    let refused = keeping(29, 30).unwrap_err().to_string();
    assert!(refused.contains("INBOX_DAYS (29)") && refused.contains("HISTORY_DAYS (30)"), "{refused}");
}
