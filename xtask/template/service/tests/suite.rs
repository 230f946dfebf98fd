//! The records, on a real Postgres and the bus in memory.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use contracts::{
    CustomerId,
    events::{self, customer::CustomerCreated},
};
use messaging::{
    bus::memory::MemoryBus,
    handler::Handlers,
    testing::{self, TestService, settle},
};
use serde_json::{Value, json};
use sqlx::migrate::Migrator;
use uuid::Uuid;

const SAMPLE: &str = include_str!("../../../../shared/contracts/samples/customer_created.1.json");

/// The sample's event, about this customer.
fn event_about(customer_id: CustomerId) -> CustomerCreated {
    let sample: Value = serde_json::from_str(SAMPLE).unwrap();
    let mut data = sample["data"].clone();
    data["customer_id"] = json!(customer_id);
    serde_json::from_value(data).unwrap()
}

#[tokio::test]
async fn a_customer_is_recorded_once_however_often_it_is_heard_of() {
    let bus = MemoryBus::new();
    let owner = testing::database("customer", &Migrator::with_migrations(Vec::new())).await;
    let mut owner = TestService::start(&owner, &bus, events::customer::ALL, Handlers::new(), testing::settings()).await;
    let database = testing::database(template_service::SERVICE.name, &template_service::MIGRATIONS).await;
    let service = template_service::service(&database);
    let mut actor = TestService::start(&database, &bus, service.publishes, service.handlers, testing::settings()).await;
    actor.until_live().await;

    let customer = CustomerId(Uuid::now_v7());
    for _ in 0..2 {
        let mut tx = owner.database.begin().await.unwrap();
        tx.publish(&event_about(customer)).unwrap();
        tx.commit().await.unwrap();
    }
    settle(&mut [&mut owner, &mut actor]).await;

    let count = |table: &'static str| sqlx::query_scalar::<_, i64>(table).fetch_one(&database.pool);
    assert_eq!(count("SELECT count(*) FROM records").await.unwrap(), 1);
    assert_eq!(count("SELECT count(*) FROM inbox WHERE done_at IS NOT NULL").await.unwrap(), 2);
    // <publishes>
    assert_eq!(count("SELECT count(*) FROM outbox WHERE event_type = 'template_service_recorded'").await.unwrap(), 1);
    // </publishes>
}
