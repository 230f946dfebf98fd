//! The test harness (feature `testing`): a database per test on a real Postgres, a bus in memory, single steps.
//!
//! Nothing here sleeps to make a race pass. A publish on the bus in memory is confirmed only when every subscriber has
//! settled it, so a relay that is drained means that everybody has handled what it held: [`settle`] drives a fleet to
//! quiescence.

#![expect(clippy::missing_panics_doc, reason = "a test that can't go on fails")]

use std::time::Duration;

use event::EventType;
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection, PgConnection, migrate::Migrator};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    audit::Operator,
    bus::{Bus, CatchUpPolicy, Topology},
    clock::Clock,
    database::Database,
    handler::Handlers,
    health::{Condition, Health},
    history::replay::{Plan, Replay, ReplayError},
    middleware::Limits,
    outbox::relay::Relay,
    parked::redrive::Redriver,
    router::{Dispatcher, Router, RouterSettings},
};

pub mod broker;
pub mod orders;
pub mod stage;
pub mod stepped;

/// A new database with the schema of `service` in it, on the server at `TEST_POSTGRES_URL` (a superuser's URL, which
/// `scripts/test` sets). Its clock stands still. The server's end is the database's end.
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
    // Made at run time: a database's name can't be bound.
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect("valid SQL");
}

/// How a history is read in tests: the same rules, shorter times.
pub fn settling() -> CatchUpPolicy {
    CatchUpPolicy { first_word: Duration::from_millis(100), every: Duration::from_hours(1) }
}

/// The defaults, but for [`settling`].
pub fn settings() -> RouterSettings {
    RouterSettings { settling: settling(), ..RouterSettings::default() }
}

/// A service of a test: its relay and its re-driver in the test's hands, its router running.
pub struct TestService {
    /// Its schema.
    pub database: Database,
    /// Its relay, to be drained.
    pub relay: Relay,
    /// Its re-driver, to be stepped.
    pub redriver: Redriver,
    /// What its router says of itself.
    pub health: Health,
    shutdown: CancellationToken,
    router: JoinHandle<()>,
}

impl TestService {
    /// Starts a service that publishes `publishes` and reacts by `handlers`.
    pub async fn start(
        database: &Database,
        bus: &dyn Bus,
        publishes: &[EventType],
        handlers: Handlers,
        settings: RouterSettings,
    ) -> Self {
        let topology =
            Topology { service: database.service, publishes: publishes.to_vec(), reacts_to: handlers.event_types() };
        database.metrics.begin(&topology.publishes, &topology.reacts_to);
        let health = Health::default();
        let mut relay = Relay::new(database.clone(), bus.publisher(&topology), &Health::default());
        relay.publish_batch().await.expect("a first turn, which declares the exchanges");
        let redriver = Redriver::new(database.clone(), handlers.clone(), &Limits::default(), Duration::from_hours(24));
        let subscriber = bus.subscriber(&topology);
        let router = Router::new(database.clone(), topology, subscriber, handlers, health.clone(), settings);
        let shutdown = CancellationToken::new();
        let router = tokio::spawn(router.run(shutdown.clone()));
        Self { database: database.clone(), relay, redriver, health, shutdown, router }
    }

    /// Waits until the router has caught up and consumes the service's queue.
    pub async fn until_live(&self) {
        let live = || async { self.health.parts().get("router") == Some(&Condition::Up) };
        eventually("the router has caught up", live).await;
    }

    /// Stops the router as a shutdown does.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.router.await.expect("a router that did not panic");
    }

    /// Ends the router as a crash does: between two awaits, wherever it is.
    pub async fn crash(self) {
        self.router.abort();
        assert!(self.router.await.is_err_and(|error| error.is_cancelled()), "the router had ended before");
    }
}

/// Begins a replay in the service of `database`, which reacts by `handlers`.
pub async fn replay(database: &Database, bus: &dyn Bus, handlers: Handlers, plan: Plan) -> Result<Replay, ReplayError> {
    let reacts_to = handlers.event_types();
    let topology = Topology { service: database.service, publishes: Vec::new(), reacts_to: reacts_to.clone() };
    let dispatcher = Dispatcher::new(database.clone(), handlers, &settings());
    let operator = Operator("a test".into());
    Replay::begin(database.clone(), reacts_to, bus.subscriber(&topology), dispatcher, plan, &operator).await
}

/// Drains the relays until nobody publishes any more: everything is handled or parked.
pub async fn settle(actors: &mut [&mut TestService]) {
    loop {
        let mut published = 0;
        for actor in &mut *actors {
            published += actor.relay.drain().await.expect("a relay that works");
        }
        if published == 0 {
            return;
        }
    }
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
