//! A service whose database was lost builds its state again from the histories, and nobody else notices.

use messaging::{
    bus::memory::MemoryBus,
    failure::HandlerError,
    handler::{Handler, Handlers},
    router::RouterSettings,
    testing::{
        self, TestService,
        orders::{BILLING, InvoiceIssued, ORDERS, OrderPlaced, order, placed},
        stage::{database, effects, publish},
    },
    unit_of_work::UnitOfWork,
};
use uuid::Uuid;

/// Writes the note down and issues an invoice.
struct Bill;

impl Handler<OrderPlaced> for Bill {
    async fn handle(&self, tx: &mut UnitOfWork, event: &OrderPlaced) -> Result<(), HandlerError> {
        write_down(tx, event.order_id, &event.note).await?;
        tx.publish(&InvoiceIssued { order_id: event.order_id, amount: 1, issued_at: tx.now() })?;
        Ok(())
    }
}

/// Writes down that an invoice came.
struct Receive;

impl Handler<InvoiceIssued> for Receive {
    async fn handle(&self, tx: &mut UnitOfWork, event: &InvoiceIssued) -> Result<(), HandlerError> {
        Ok(write_down(tx, event.order_id, "invoice").await?)
    }
}

async fn write_down(tx: &mut UnitOfWork, subject: Uuid, name: &str) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("INSERT INTO effects (subject, name) VALUES ($1, $2)");
    insert.bind(subject).bind(name).execute(tx.sql()).await.map(drop)
}

/// `owner` registers, `reader` answers, `downstream` hears the answers.
struct Chain {
    bus: MemoryBus,
    owner: TestService,
    reader: TestService,
    downstream: TestService,
}

impl Chain {
    async fn new() -> Self {
        let bus = MemoryBus::new();
        let owner = database("orders").await;
        let owner = TestService::start(&owner, &bus, ORDERS, Handlers::new(), testing::settings()).await;
        let reader = start_reader(&bus, testing::settings()).await;
        reader.until_live().await;
        let handlers = Handlers::new().on::<InvoiceIssued>(Receive);
        let downstream = database("downstream").await;
        let downstream = TestService::start(&downstream, &bus, &[], handlers, testing::settings()).await;
        downstream.until_live().await;
        Self { bus, owner, reader, downstream }
    }

    async fn create(&mut self, names: &[&str]) {
        for name in names {
            publish(&self.owner.database, &placed(order(), name)).await;
        }
        testing::settle(&mut [&mut self.owner, &mut self.reader]).await;
    }

    /// The reader begins anew with an empty database; its queue is what it was.
    async fn lose_the_reader_s_database(mut self, settings: RouterSettings) -> Self {
        self.reader.stop().await;
        self.reader = start_reader(&self.bus, settings).await;
        self
    }
}

async fn start_reader(bus: &MemoryBus, settings: RouterSettings) -> TestService {
    let handlers = Handlers::new().on::<OrderPlaced>(Bill);
    TestService::start(&database("billing").await, bus, BILLING, handlers, settings).await
}

async fn follow_ups(actor: &TestService) -> Vec<Uuid> {
    sqlx::query_scalar("SELECT event_id FROM outbox ORDER BY seq").fetch_all(&actor.database.pool).await.unwrap()
}

#[tokio::test]
async fn the_state_is_built_again_and_the_follow_ups_bear_the_same_ids() {
    let mut chain = Chain::new().await;
    let names = ["Ada", "Bob", "Cy"];
    chain.create(&names).await;
    let told = follow_ups(&chain.reader).await;
    assert_eq!(effects(&chain.downstream.database).await, ["invoice"; 3]);

    let mut chain = chain.lose_the_reader_s_database(testing::settings()).await;
    chain.reader.until_live().await;
    assert_eq!(effects(&chain.reader.database).await, names);
    assert_eq!((told.len(), follow_ups(&chain.reader).await), (3, told));
    testing::settle(&mut [&mut chain.reader]).await;
    assert_eq!(effects(&chain.downstream.database).await, ["invoice"; 3], "its inbox drops what it has handled");

    chain.create(&["Di"]).await;
    assert_eq!(effects(&chain.downstream.database).await.len(), 4);
}

fn muted() -> RouterSettings {
    RouterSettings { mute_catch_up: true, ..testing::settings() }
}

#[tokio::test]
async fn a_muted_catch_up_builds_the_same_state_without_follow_ups_until_it_is_over() {
    let mut chain = Chain::new().await;
    let names = ["Ada", "Bob", "Cy"];
    chain.create(&names).await;
    let mut chain = chain.lose_the_reader_s_database(muted()).await;
    chain.reader.until_live().await;
    assert_eq!(effects(&chain.reader.database).await, names);
    assert!(follow_ups(&chain.reader).await.is_empty());

    chain.create(&["Di"]).await;
    assert_eq!(follow_ups(&chain.reader).await.len(), 1);
    assert_eq!(effects(&chain.downstream.database).await.len(), 4);
}

/// The one who lost it was muted; a queue that is lost later is no reason to be silent, whatever is still set.
#[tokio::test]
async fn a_muting_that_was_left_on_swallows_nothing_later() {
    let mut chain = Chain::new().await;
    chain.create(&["Ada"]).await;
    let mut chain = chain.lose_the_reader_s_database(muted()).await;
    chain.reader.until_live().await;
    assert!(follow_ups(&chain.reader).await.is_empty());
    let reader = chain.reader.database.clone();
    chain.reader.stop().await;
    chain.bus.delete_queue("billing");
    publish(&chain.owner.database, &placed(order(), "Bob")).await;
    testing::settle(&mut [&mut chain.owner]).await;

    let handlers = Handlers::new().on::<OrderPlaced>(Bill);
    let again = TestService::start(&reader, &chain.bus, BILLING, handlers, muted()).await;
    again.until_live().await;
    assert_eq!(effects(&reader).await, ["Ada", "Bob"]);
    assert_eq!(follow_ups(&again).await.len(), 1, "Bob's");
    again.stop().await;
}
