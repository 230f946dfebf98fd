//! A small fleet: `orders` publishes `order_placed`, `reader` writes down what it handles.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use event::{Envelope, Event, EventMeta, OutboxRecord, TraceContext};
use jiff::SignedDuration;
use sqlx::migrate::Migrator;
use uuid::Uuid;

use super::{
    TestService,
    orders::{ORDERS, OrderCompleted, OrderPlaced, placed},
};
use crate::{
    bus::{Bus, Message, Publisher, Topology, memory::MemoryBus},
    database::Database,
    failure::HandlerError,
    handler::{Handler, Handlers},
    message::MAX_BATCH,
    parked::operations::ParkedOperations,
    router::RouterSettings,
    unit_of_work::UnitOfWork,
};

/// What a test can't go on without.
const WORKS: &str = "the test's servers and events are fine";

/// A database of `service`, with a table of what its handlers did.
pub async fn database(service: &'static str) -> Database {
    let database = super::database(service, &Migrator::with_migrations(Vec::new())).await;
    sqlx::query("CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, subject uuid, name text, xid text)")
        .execute(&database.pool)
        .await
        .expect(WORKS);
    database
}

/// Commits one event.
pub async fn publish<E: Event>(database: &Database, event: &E) -> EventMeta {
    let mut tx = database.begin().await.expect(WORKS);
    let meta = tx.publish(event).expect(WORKS);
    tx.commit().await.expect(WORKS);
    meta
}

/// Writes down the name; fails as the name says, until it is fixed.
#[derive(Clone, Default)]
pub struct WriteDown {
    fixed: Arc<AtomicUsize>,
    /// How often handling one called "slow" has begun.
    pub slow: Arc<AtomicUsize>,
}

impl WriteDown {
    /// From now on nothing fails.
    pub fn fix(&self) {
        self.fixed.store(1, Ordering::SeqCst);
    }
}

impl Handler<OrderPlaced> for WriteDown {
    async fn handle(&self, tx: &mut UnitOfWork, event: &OrderPlaced) -> Result<(), HandlerError> {
        sqlx::query("INSERT INTO effects (subject, name, xid) VALUES ($1, $2, pg_current_xact_id()::text)")
            .bind(event.order_id)
            .bind(event.note.as_str())
            .execute(tx.sql())
            .await?;
        tx.publish(&OrderCompleted { order_id: event.order_id, completed_at: tx.now() })?;
        if self.fixed.load(Ordering::SeqCst) > 0 {
            return Ok(());
        }
        match event.note.as_str() {
            "transient" => Err(HandlerError::Transient(anyhow::anyhow!("not now"))),
            "permanent" => Err(HandlerError::Permanent(anyhow::anyhow!("never"))),
            "panic" => panic!("a handler's panic"),
            "slow" => {
                // Counted before it hangs, for ever or until the process ends.
                self.slow.fetch_add(1, Ordering::SeqCst);
                std::future::pending().await
            }
            _ => Ok(()),
        }
    }
}

impl Handler<OrderCompleted> for WriteDown {
    async fn handle(&self, tx: &mut UnitOfWork, event: &OrderCompleted) -> Result<(), HandlerError> {
        sqlx::query("INSERT INTO effects (subject, name) VALUES ($1, 'completed')")
            .bind(event.order_id)
            .execute(tx.sql())
            .await?;
        Ok(())
    }
}

/// `orders` and `reader` on one bus in memory.
pub struct Stage {
    /// Publishes.
    pub owner: TestService,
    /// Handles.
    pub reader: TestService,
    /// How it handles.
    pub handler: WriteDown,
    /// Publishes what `orders` never would.
    pub intruder: Intruder,
    /// What they meet on.
    pub bus: MemoryBus,
}

impl Stage {
    /// Both run, by the settings of tests.
    pub async fn new() -> Self {
        Self::with(super::settings()).await
    }

    /// Both run, the reader by `settings`.
    pub async fn with(settings: RouterSettings) -> Self {
        let bus = MemoryBus::new();
        let owner = database("orders").await;
        let owner = TestService::start(&owner, &bus, ORDERS, Handlers::new(), settings).await;
        let handler = WriteDown::default();
        let reader = database("reader").await;
        let reader = start_reader(&reader, &bus, &handler, settings).await;
        let intruder = Intruder::new(&bus);
        let stage = Self { owner, reader, handler, intruder, bus };
        stage.reader.until_live().await;
        stage
    }

    /// Commits one `order_placed`.
    pub async fn create(&self, order: Uuid, name: &str) -> EventMeta {
        publish(&self.owner.database, &placed(order, name)).await
    }

    /// Publishes what is committed and waits until it is handled or parked.
    pub async fn settle(&mut self) {
        super::settle(&mut [&mut self.owner]).await;
    }

    /// Publishes again what is published, as a broker does that delivers twice.
    pub async fn deliver_again(&mut self) {
        sqlx::query("UPDATE outbox SET published_at = NULL").execute(&self.owner.database.pool).await.expect(WORKS);
        self.settle().await;
    }

    /// Tries what is due, until nothing is.
    pub async fn redrive(&mut self) {
        while self.reader.redriver.redrive(MAX_BATCH).await.expect(WORKS) > 0 {}
    }

    /// The reader's time goes on.
    pub fn advance(&self, by: SignedDuration) {
        self.reader.database.clock.advance(by);
    }

    /// What an operator sees of the reader's parked messages and may do about them.
    pub fn parked_operations(&self) -> ParkedOperations {
        ParkedOperations::new(self.reader.database.clone(), reader_handlers(&self.handler))
    }

    /// The names in the order in which they were written down.
    pub async fn effects(&self) -> Vec<String> {
        effects(&self.reader.database).await
    }

    /// State and reason of what is parked, in its order.
    pub async fn parked(&self) -> Vec<(String, String)> {
        sqlx::query_as("SELECT state, reason FROM parked ORDER BY seq")
            .fetch_all(&self.reader.database.pool)
            .await
            .expect(WORKS)
    }
}

/// The service that writes down what it handles.
pub async fn start_reader(
    database: &Database,
    bus: &MemoryBus,
    handler: &WriteDown,
    settings: RouterSettings,
) -> TestService {
    TestService::start(database, bus, &[], reader_handlers(handler), settings).await
}

/// What it reacts to.
pub fn reader_handlers(handler: &WriteDown) -> Handlers {
    Handlers::new().on::<OrderPlaced>(handler.clone()).on::<OrderCompleted>(handler.clone())
}

/// The names in the order in which they were written down in `database`.
pub async fn effects(database: &Database) -> Vec<String> {
    sqlx::query_scalar("SELECT name FROM effects ORDER BY id").fetch_all(&database.pool).await.expect(WORKS)
}

/// Publishes what no outbox would: the owner's exchanges, any body.
pub struct Intruder {
    publisher: Box<dyn Publisher>,
}

impl Intruder {
    fn new(bus: &MemoryBus) -> Self {
        let topology = Topology { service: "orders", publishes: ORDERS.to_vec(), reacts_to: Vec::new() };
        Self { publisher: bus.publisher(&topology) }
    }

    /// Publishes `body` to `exchange` and waits until everybody has settled it.
    pub async fn publish(&mut self, exchange: &str, id: Uuid, body: Vec<u8>) {
        self.publish_all(vec![(exchange, id, body)]).await;
    }

    /// The same for several at once, so that they are buffered together.
    pub async fn publish_all(&mut self, messages: Vec<(&str, Uuid, Vec<u8>)>) {
        let ids: HashSet<_> = messages.iter().map(|(_, id, _)| *id).collect();
        let batch = messages.into_iter().map(|(exchange, id, body)| message(exchange, id, body)).collect();
        assert_eq!(self.publisher.publish(batch).await.expect(WORKS), ids);
    }
}

/// Any `body` under `id`.
pub fn message(exchange: &str, id: Uuid, body: Vec<u8>) -> Message {
    let (correlation_id, trace) = (id, TraceContext::default());
    Message { id, exchange: exchange.to_owned(), correlation_id, timestamp: 0, trace, body }
}

/// `event` as its owner would send it, under `id`.
pub fn envelope<E: Event>(id: Uuid, event: &E) -> Vec<u8> {
    let (event_type, subject) = (E::TYPE.to_owned(), event.subject());
    let meta = EventMeta { id, event_type, subject, correlation_id: id, causation_id: None };
    let data = serde_json::value::to_raw_value(event).expect(WORKS);
    let time = "2026-11-20T19:45:00Z".parse().expect(WORKS);
    let recorded = OutboxRecord { meta, version: 1, time, sequence: 1, data };
    serde_json::to_vec(&Envelope::new(E::OWNER, recorded, TraceContext::default())).expect(WORKS)
}
