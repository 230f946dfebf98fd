//! Two releases of a service side by side: what only the newer one can handle waits for it.

use event::{Envelope, Event};
use messaging::{
    bus::memory::MemoryBus,
    failure::HandlerError,
    handler::{Handler, Handlers},
    testing::{
        self, TestService,
        orders::{ORDERS, OrderCompleted, order, placed},
        stage::{Stage, WriteDown, database, effects, envelope, publish, start_reader},
    },
    unit_of_work::UnitOfWork,
    worker::{Next, Worker},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

async fn parked(service: &TestService) -> Vec<(String, String)> {
    sqlx::query_as("SELECT state, reason FROM parked ORDER BY seq").fetch_all(&service.database.pool).await.unwrap()
}

/// The newer release has bound a further exchange, then the older one takes over the queue.
#[tokio::test]
async fn an_event_that_only_the_next_release_handles_waits_for_it() {
    let bus = MemoryBus::new();
    let owner = database("orders").await;
    let mut owner = TestService::start(&owner, &bus, ORDERS, Handlers::new(), testing::settings()).await;
    let (reader, handler) = (database("reader").await, WriteDown::default());
    let newer = start_reader(&reader, &bus, &handler, testing::settings()).await;
    newer.until_live().await;
    newer.stop().await;
    let handlers = Handlers::new().on::<OrderCompleted>(handler.clone());
    let older = TestService::start(&reader, &bus, &[], handlers, testing::settings()).await;
    older.until_live().await;
    let ada = order();
    publish(&owner.database, &placed(ada, "Ada")).await;
    publish(&owner.database, &OrderCompleted { order_id: ada, completed_at: reader.clock.now() }).await;
    testing::settle(&mut [&mut owner]).await;
    let waits = [("waiting".to_owned(), "no_handler".to_owned()), ("behind".to_owned(), "blocked".to_owned())];
    assert_eq!(parked(&older).await[0], waits[0]);
    assert_eq!(parked(&older).await[1].0, "behind", "the order of its subject holds");
    older.stop().await;

    let mut newer = start_reader(&reader, &bus, &handler, testing::settings()).await;
    while newer.redriver.turn().await.unwrap() == Next::Now {}
    assert_eq!(effects(&reader).await, ["Ada", "completed"], "due at once, however long the delay had grown");
}

#[tokio::test]
async fn a_newer_version_waits_and_an_older_one_is_read() {
    let mut stage = Stage::new().await;
    let change = |from: &str, to: &str| {
        let id = Uuid::now_v7();
        let body = String::from_utf8(envelope(id, &placed(order(), "Ada"))).unwrap();
        assert!(body.contains(from), "{body}");
        (id, body.replace(from, to).into_bytes())
    };
    for (from, to) in [
        ("/schemas/order_placed/1", "/schemas/order_placed/2"),
        ("\"note\":\"Ada\"", "\"note\":7"),
        ("/schemas/order_placed/1", "/schemas/order_placed/x"),
        ("\"source\":\"/orders\"", "\"source\":\"/billing\""),
        ("/schemas/order_placed/1", "/schemas/order_placed/0"),
    ] {
        let (id, body) = change(from, to);
        stage.intruder.publish("order_placed", id, body).await;
    }
    assert_eq!(stage.effects().await, ["Ada"], "the older version");
    let parked = stage.parked().await;
    let parked: Vec<_> = parked.iter().map(|(state, reason)| (state.as_str(), reason.as_str())).collect();
    let expected =
        [("waiting", "newer_version"), ("dead", "undecodable"), ("dead", "undecodable"), ("dead", "undecodable")];
    assert_eq!(parked, expected);
}

/// `order_placed`, as a release knows it that has one value for `note`.
#[derive(Serialize, Deserialize)]
struct Known {
    order_id: Uuid,
    note: Note,
}

#[derive(Serialize, Deserialize)]
enum Note {
    Ada,
}

impl Event for Known {
    const TYPE: &'static str = "order_placed";
    const OWNER: &'static str = "orders";
    const VERSION: i16 = 1;

    fn subject(&self) -> Uuid {
        self.order_id
    }
}

struct Ignore;

impl Handler<Known> for Ignore {
    async fn handle(&self, _: &mut UnitOfWork, _: &Known) -> Result<(), HandlerError> {
        Ok(())
    }
}

#[test]
fn a_value_that_a_release_does_not_know_is_not_the_end_of_a_message() {
    let handlers = Handlers::new().on::<Known>(Ignore);
    let check = |note: &str| {
        let body = envelope(Uuid::now_v7(), &placed(order(), note));
        handlers.check(&serde_json::from_slice::<Envelope>(&body).unwrap())
    };
    assert!(check("Ada").is_ok());
    let failure = check("Bob").unwrap_err();
    assert_eq!((failure.class(), failure.is_permanent()), ("unknown_value", false));
}
