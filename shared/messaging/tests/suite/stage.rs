//! A small fleet: `owner` publishes `customer_created`, `reader` writes down what it handles.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use contracts::{
    CustomerId, Personal,
    events::customer::{self, CustomerCreated, CustomerOnboarded},
};
use event::{Envelope, Event, EventMeta, Recorded, TraceContext};
use jiff::SignedDuration;
use messaging::{
    bus::{Bus, Message, Publisher, Topology, memory::MemoryBus},
    database::Database,
    failure::HandlerError,
    handler::{Handler, Handlers},
    router::RouterSettings,
    testing::{self, Actor},
    unit_of_work::UnitOfWork,
};
use service::admin::Admin;
use sqlx::migrate::Migrator;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::desk::Desk;

pub async fn database(service: &'static str) -> Database {
    let database = testing::database(service, &Migrator::with_migrations(Vec::new())).await;
    sqlx::query("CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, customer uuid, name text, xid text)")
        .execute(&database.pool)
        .await
        .unwrap();
    database
}

pub fn created(customer_id: CustomerId, name: &str) -> CustomerCreated {
    CustomerCreated {
        customer_id,
        email: Personal::new("ada@example.com"),
        name: Personal::new(name),
        registered_at: "2026-11-20T19:45:00Z".parse().unwrap(),
    }
}

pub fn customer() -> CustomerId {
    CustomerId(Uuid::now_v7())
}

/// Commits one event.
pub async fn publish<E: Event>(database: &Database, event: &E) -> EventMeta {
    let mut tx = database.begin().await.unwrap();
    let meta = tx.publish(event).unwrap();
    tx.commit().await.unwrap();
    meta
}

/// Writes down the name; fails as the name says, until it is mended.
#[derive(Clone, Default)]
pub struct WriteDown {
    mended: Arc<AtomicUsize>,
    /// How often handling one called "slow" has begun.
    pub slow: Arc<AtomicUsize>,
}

impl WriteDown {
    pub fn mend(&self) {
        self.mended.store(1, Ordering::SeqCst);
    }
}

impl Handler<CustomerCreated> for WriteDown {
    async fn handle(&self, tx: &mut UnitOfWork, event: &CustomerCreated) -> Result<(), HandlerError> {
        sqlx::query("INSERT INTO effects (customer, name, xid) VALUES ($1, $2, pg_current_xact_id()::text)")
            .bind(event.customer_id.0)
            .bind(event.name.expose())
            .execute(tx.sql())
            .await?;
        tx.publish(&CustomerOnboarded { customer_id: event.customer_id, onboarded_at: tx.now() })?;
        if self.mended.load(Ordering::SeqCst) > 0 {
            return Ok(());
        }
        match event.name.expose() {
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

impl Handler<CustomerOnboarded> for WriteDown {
    async fn handle(&self, tx: &mut UnitOfWork, event: &CustomerOnboarded) -> Result<(), HandlerError> {
        sqlx::query("INSERT INTO effects (customer, name) VALUES ($1, 'onboarded')")
            .bind(event.customer_id.0)
            .execute(tx.sql())
            .await?;
        Ok(())
    }
}

/// `owner` and `reader` on one bus in memory.
pub struct Stage {
    pub owner: Actor,
    pub reader: Actor,
    pub handler: WriteDown,
    pub intruder: Intruder,
    bus: MemoryBus,
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(testing::settings()).await
    }

    pub async fn with(settings: RouterSettings) -> Self {
        let bus = MemoryBus::new();
        // The contracts' owner is `customer`; the events it publishes are all this stage needs.
        let owner = database("customer").await;
        let owner = Actor::start(&owner, &bus, customer::ALL, Handlers::new(), settings).await;
        let handler = WriteDown::default();
        let reader = database("reader").await;
        let reader = start_reader(&reader, &bus, &handler, settings).await;
        let intruder = Intruder::new(&bus);
        let stage = Self { owner, reader, handler, intruder, bus };
        stage.reader.until_live().await;
        stage
    }

    /// Commits one `customer_created`.
    pub async fn create(&self, customer: CustomerId, name: &str) -> EventMeta {
        publish(&self.owner.database, &created(customer, name)).await
    }

    /// Publishes what is committed and waits until it is handled or parked.
    pub async fn settle(&mut self) {
        testing::settle(&mut [&mut self.owner]).await;
    }

    /// Publishes again what is published, as a broker does that delivers twice.
    pub async fn deliver_again(&mut self) {
        sqlx::query("UPDATE outbox SET published_at = NULL").execute(&self.owner.database.pool).await.unwrap();
        self.settle().await;
    }

    /// Tries what is due, until nothing is.
    pub async fn redrive(&mut self) {
        while self.reader.redriver.redrive_one().await.unwrap() {}
    }

    /// The reader's time goes on.
    pub fn advance(&self, by: SignedDuration) {
        self.reader.database.clock.advance(by);
    }

    /// The reader's operations port.
    pub fn desk(&self) -> Desk {
        Desk::new(&admin(&self.reader.database, &self.bus, reader_handlers(&self.handler)))
    }

    /// The owner's.
    pub fn owner_desk(&self) -> Desk {
        Desk::new(&admin(&self.owner.database, &self.bus, Handlers::new()))
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
            .unwrap()
    }
}

pub async fn start_reader(
    database: &Database,
    bus: &MemoryBus,
    handler: &WriteDown,
    settings: RouterSettings,
) -> Actor {
    Actor::start(database, bus, &[], reader_handlers(handler), settings).await
}

pub fn reader_handlers(handler: &WriteDown) -> Handlers {
    Handlers::new().on::<CustomerCreated>(handler.clone()).on::<CustomerOnboarded>(handler.clone())
}

/// What administers the service of `database`.
pub fn admin(database: &Database, bus: &MemoryBus, handlers: Handlers) -> Admin {
    let reacts_to = handlers.event_types();
    Admin {
        database: database.clone(),
        handlers,
        bus: Arc::new(bus.clone()),
        topology: Topology { service: database.service, publishes: Vec::new(), reacts_to },
        settings: testing::settings(),
        shutdown: CancellationToken::new(),
    }
}

pub async fn effects(database: &Database) -> Vec<String> {
    sqlx::query_scalar("SELECT name FROM effects ORDER BY id").fetch_all(&database.pool).await.unwrap()
}

/// Publishes what no outbox would: the owner's exchanges, any body.
pub struct Intruder {
    publisher: Box<dyn Publisher>,
}

impl Intruder {
    fn new(bus: &MemoryBus) -> Self {
        let topology = Topology { service: "customer", publishes: customer::ALL.to_vec(), reacts_to: Vec::new() };
        Self { publisher: bus.publisher(&topology) }
    }

    /// Publishes `body` to `exchange` and waits until everybody has settled it.
    pub async fn publish(&mut self, exchange: &str, id: Uuid, body: Vec<u8>) {
        self.publish_all(vec![(exchange, id, body)]).await;
    }

    /// The same for several at once, so that they are buffered together.
    pub async fn publish_all(&mut self, messages: Vec<(&str, Uuid, Vec<u8>)>) {
        let ids: HashSet<_> = messages.iter().map(|(_, id, _)| *id).collect();
        let message = |(exchange, id, body): (&str, Uuid, Vec<u8>)| {
            let (correlation_id, trace) = (id, TraceContext::default());
            Message { id, exchange: exchange.to_owned(), correlation_id, timestamp: 0, trace, body }
        };
        let batch = messages.into_iter().map(message).collect();
        assert_eq!(self.publisher.publish(batch).await.unwrap(), ids);
    }
}

/// `event` as its owner would send it, under `id`.
pub fn envelope<E: Event>(id: Uuid, event: &E) -> Vec<u8> {
    let (event_type, customer_id) = (E::TYPE.to_owned(), event.customer_id());
    let meta = EventMeta { id, event_type, customer_id, correlation_id: id, causation_id: None };
    let data = serde_json::value::to_raw_value(event).unwrap();
    let time = "2026-11-20T19:45:00Z".parse().unwrap();
    let recorded = Recorded { meta, version: 1, time, sequence: 1, data };
    serde_json::to_vec(&Envelope::new(E::OWNER, recorded, TraceContext::default())).unwrap()
}
