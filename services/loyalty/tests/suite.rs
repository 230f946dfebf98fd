//! The ledger, on a real Postgres and the bus in memory.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use contracts::{
    CustomerId, CustomerName, EmailAddress,
    events::{
        self,
        customer::{CustomerCreated, CustomerDeactivated, DeactivationReason},
    },
    testing::hostile,
};
use event::Event;
use messaging::{
    bus::memory::MemoryBus,
    handler::Handlers,
    testing::{self, TestService, settle},
};
use sqlx::migrate::Migrator;
use uuid::Uuid;

struct Stage {
    customer: TestService,
    loyalty: TestService,
}

impl Stage {
    async fn new() -> Self {
        let bus = MemoryBus::new();
        let customer = testing::database("customer", &Migrator::with_migrations(Vec::new())).await;
        let customer =
            TestService::start(&customer, &bus, events::customer::ALL, Handlers::new(), testing::settings()).await;
        let database = testing::database(loyalty::SERVICE.name, &loyalty::MIGRATIONS).await;
        let (handlers, publishes) = (loyalty::handlers(), events::loyalty::ALL);
        let loyalty = TestService::start(&database, &bus, publishes, handlers, testing::settings()).await;
        loyalty.until_live().await;
        Self { customer, loyalty }
    }

    async fn publish<E: Event>(&mut self, event: E) {
        let mut tx = self.customer.database.begin().await.unwrap();
        tx.publish(&event).unwrap();
        tx.commit().await.unwrap();
        settle(&mut [&mut self.customer, &mut self.loyalty]).await;
    }

    async fn created(&mut self, customer_id: CustomerId) {
        let registered_at = self.customer.database.clock.now();
        let (email, name) = (EmailAddress::parse("ada@example.com").unwrap(), CustomerName::parse("Ada").unwrap());
        self.publish(CustomerCreated { customer_id, email, name, registered_at }).await;
    }

    async fn deactivated(&mut self, customer_id: CustomerId) {
        let (reason, deactivated_at) = (DeactivationReason::EmailRefused, self.customer.database.clock.now());
        self.publish(CustomerDeactivated { customer_id, reason, deactivated_at }).await;
    }

    async fn ledger(&self, customer: CustomerId) -> Vec<i64> {
        sqlx::query_scalar("SELECT points FROM ledger WHERE customer_id = $1 ORDER BY id")
            .bind(customer.0)
            .fetch_all(&self.loyalty.database.pool)
            .await
            .unwrap()
    }

    async fn published(&self) -> Vec<(String, i64, i64)> {
        sqlx::query_as(
            "SELECT event_type, (data->>'points')::bigint, (data->>'balance')::bigint FROM outbox ORDER BY seq",
        )
        .fetch_all(&self.loyalty.database.pool)
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn a_new_customer_gets_joining_points_and_a_deactivated_one_loses_them() {
    let mut stage = Stage::new().await;
    let (ada, bob) = (CustomerId(Uuid::now_v7()), CustomerId(Uuid::now_v7()));
    stage.created(ada).await;
    stage.created(bob).await;
    stage.deactivated(bob).await;
    assert_eq!(stage.ledger(ada).await, [100]);
    assert_eq!(stage.ledger(bob).await, [100, -100]);
    let added = ("status_points_added".to_owned(), 100, 100);
    assert_eq!(stage.published().await, [added.clone(), added, ("status_points_revoked".to_owned(), 100, 0)]);
}

#[tokio::test]
async fn a_second_deactivation_and_one_of_somebody_unknown_take_nothing() {
    let mut stage = Stage::new().await;
    let ada = CustomerId(Uuid::now_v7());
    stage.created(ada).await;
    stage.deactivated(ada).await;
    stage.deactivated(ada).await;
    stage.deactivated(CustomerId(Uuid::now_v7())).await;
    assert_eq!(stage.ledger(ada).await, [100, -100]);
    assert_eq!(stage.published().await.len(), 2);
}

/// As after a lost binding, when the history heals the gap behind what the queue brought.
#[tokio::test]
async fn who_was_deactivated_before_we_heard_of_the_registration_gets_no_points() {
    let mut stage = Stage::new().await;
    let ada = CustomerId(Uuid::now_v7());
    stage.deactivated(ada).await;
    stage.created(ada).await;
    assert_eq!(stage.ledger(ada).await, [0; 0]);
    assert_eq!(stage.published().await, []);
}

#[tokio::test]
async fn a_replay_after_the_inbox_was_purged_books_nothing_again() {
    let mut stage = Stage::new().await;
    let ada = CustomerId(Uuid::now_v7());
    stage.created(ada).await;
    sqlx::query("DELETE FROM inbox").execute(&stage.loyalty.database.pool).await.unwrap();
    sqlx::query("UPDATE outbox SET published_at = NULL").execute(&stage.customer.database.pool).await.unwrap();
    settle(&mut [&mut stage.customer, &mut stage.loyalty]).await;
    assert_eq!(stage.ledger(ada).await, [100]);
    assert_eq!(stage.published().await.len(), 1);
    let parked: i64 =
        sqlx::query_scalar("SELECT count(*) FROM parked").fetch_one(&stage.loyalty.database.pool).await.unwrap();
    assert_eq!(parked, 0, "it is no failure either");
}

#[tokio::test]
async fn texts_that_no_customer_could_have_registered_are_dead_with_a_reason_and_block_no_other() {
    let mut stage = Stage::new().await;
    let (events, expected): (Vec<_>, Vec<_>) = hostile(stage.customer.database.clock.now()).into_iter().unzip();
    for event in events {
        stage.publish(event).await;
    }
    let dead: Vec<(String, String, String)> = sqlx::query_as("SELECT state, reason, error FROM parked ORDER BY seq")
        .fetch_all(&stage.loyalty.database.pool)
        .await
        .unwrap();
    for ((state, reason, error), expected) in dead.iter().zip(expected) {
        assert_eq!((state.as_str(), reason.as_str()), ("dead", "undecodable"));
        assert!(error.contains(expected) && !error.contains("eve"), "{error}");
    }
    assert_eq!(dead.len(), 3);
    let ada = CustomerId(Uuid::now_v7());
    stage.created(ada).await;
    assert_eq!(stage.ledger(ada).await, [100]);
}
