//! The test harness (feature `testing`): a database per test on a real Postgres, a bus in memory, single steps.

use std::time::Duration;

use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection, PgConnection, migrate::Migrator};
use uuid::Uuid;

use crate::{
    bus::{Bus, Topology, memory::MemoryBus},
    clock::Clock,
    database::Database,
    event::EventType,
    handler::Handlers,
    health::Health,
    outbox::relay::Relay,
};

/// A new database with the schema of `service` in it, on the server at `TEST_POSTGRES_URL` (a superuser's URL, which
/// `scripts/test` sets). The server's end is the database's end.
pub async fn database(service: &'static str, own: &Migrator) -> Database {
    let admin =
        std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL is not set: run the tests by scripts/test");
    let name = format!("test_{}", Uuid::now_v7().simple());
    execute(&admin, &format!("CREATE DATABASE {name}")).await;
    let (server, _) = admin.rsplit_once('/').expect("a URL with a database");
    let url = format!("{server}/{name}");
    execute(&url, &format!("CREATE SCHEMA {service}")).await;
    let database = Database::new(&SecretString::from(url), service, 8, Clock::manual()).expect("a URL");
    database.migrate(own).await.expect("migrations that apply");
    database
}

async fn execute(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.expect("the test's Postgres");
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect("valid SQL");
}

/// A relay from `database` to `bus`, to be drained by hand.
pub fn relay(database: &Database, bus: &MemoryBus, publishes: &[EventType], handlers: &Handlers) -> Relay {
    let topology =
        Topology { service: database.service, publishes: publishes.to_vec(), reacts_to: handlers.event_types() };
    Relay::new(database.clone(), bus.publisher(&topology), Health::default())
}

/// Waits until `condition` holds, or fails after ten seconds. Polls: what is waited for happens in another process or
/// task that announces nothing.
pub async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !condition().await {
        assert!(tokio::time::Instant::now() < deadline, "did not happen within 10 s: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
