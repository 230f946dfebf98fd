//! Nothing vanishes, and order holds across retries.

use std::{sync::atomic::Ordering, time::Duration};

use jiff::SignedDuration;
use messaging::{
    audit::Operator,
    bus::memory::MemoryBus,
    handler::Handlers,
    message::MAX_BATCH,
    middleware::Limits,
    parked::{
        operations::{Change, Filter, State},
        redrive::Redriver,
    },
    testing::{
        self, TestService,
        orders::{ORDERS, OrderCompleted, order, placed},
        stage::{Stage, WriteDown, database, effects, envelope, publish, reader_handlers, start_reader},
    },
};
use uuid::Uuid;

fn states(parked: &[(String, String)]) -> Vec<&str> {
    parked.iter().map(|(state, _)| state.as_str()).collect()
}

#[tokio::test]
async fn a_subject_s_later_messages_wait_behind_one_that_waits() {
    let mut stage = Stage::new().await;
    let (ada, bob) = (order(), order());
    stage.create(ada, "transient").await;
    stage.settle().await;
    stage.create(ada, "second").await;
    stage.create(bob, "Bob").await;
    let completed = OrderCompleted { order_id: ada, completed_at: stage.owner.database.clock.now() };
    publish(&stage.owner.database, &completed).await;
    stage.settle().await;
    assert_eq!(stage.effects().await, ["Bob"]);
    assert_eq!(states(&stage.parked().await), ["waiting", "behind", "behind"]);

    stage.handler.fix();
    assert_eq!(stage.reader.redriver.redrive(1).await.unwrap(), 0, "nothing is due yet");
    stage.reader.database.clock.advance(SignedDuration::from_secs(1));
    stage.redrive().await;
    assert_eq!(stage.effects().await, ["Bob", "transient", "second", "completed"]);
    assert_eq!(states(&stage.parked().await), ["done", "done", "done"]);
    let open: i64 = sqlx::query_scalar("SELECT count(*) FROM inbox WHERE done_at IS NULL")
        .fetch_one(&stage.reader.database.pool)
        .await
        .unwrap();
    assert_eq!(open, 0);
}

#[tokio::test]
async fn a_redrive_is_tried_later_and_later_and_dead_after_a_day() {
    let mut stage = Stage::new().await;
    stage.create(order(), "transient").await;
    stage.settle().await;
    let mut attempts = 0;
    for _ in 0..24 {
        stage.reader.database.clock.advance(SignedDuration::from_mins(75));
        attempts += stage.reader.redriver.redrive(1).await.unwrap();
    }
    assert_eq!(stage.parked().await, [("dead".to_owned(), "handler_transient".to_owned())]);
    assert_eq!(attempts, 20, "75 minutes each, dead at the first failure after 24 hours");
    assert!(stage.effects().await.is_empty());
}

#[tokio::test]
async fn a_dead_message_blocks_its_subject_and_nobody_else() {
    let mut stage = Stage::new().await;
    let ada = order();
    stage.create(ada, "permanent").await;
    stage.settle().await;
    stage.create(ada, "second").await;
    stage.create(order(), "Bob").await;
    stage.settle().await;
    stage.reader.database.clock.advance(SignedDuration::from_hours(48));
    assert_eq!(stage.reader.redriver.redrive(1).await.unwrap(), 0);
    assert_eq!(stage.effects().await, ["Bob"]);
    assert_eq!(states(&stage.parked().await), ["dead", "behind"]);
}

#[tokio::test]
async fn what_is_no_event_is_dead_and_blocks_nobody() {
    let mut stage = Stage::new().await;
    let ada = order();
    let mut other_type = envelope(Uuid::now_v7(), &placed(ada, "forged"));
    other_type = String::from_utf8(other_type).unwrap().replace("order_placed", "order_deleted").into_bytes();
    stage.intruder.publish("order_placed", Uuid::now_v7(), b"no JSON".to_vec()).await;
    stage.intruder.publish("order_placed", Uuid::now_v7(), b"{\"specversion\":\"1.0\"}".to_vec()).await;
    stage.intruder.publish("order_placed", Uuid::now_v7(), other_type).await;
    stage.create(ada, "Ada").await;
    stage.settle().await;
    assert_eq!(stage.effects().await, ["Ada"]);
    let dead = ("dead".to_owned(), "undecodable".to_owned());
    assert_eq!(stage.parked().await, [dead.clone(), dead.clone(), dead]);
}

#[tokio::test]
async fn parking_what_somebody_has_handled_does_nothing() {
    let mut stage = Stage::new().await;
    let ada = order();
    let id = Uuid::now_v7();
    stage.intruder.publish("order_placed", id, envelope(id, &placed(ada, "Ada"))).await;
    // The same id comes again with a body that fails: it is a duplicate before it is a failure.
    stage.intruder.publish("order_placed", id, envelope(id, &placed(ada, "permanent"))).await;
    assert_eq!(stage.effects().await, ["Ada"]);
    assert!(stage.parked().await.is_empty());
}

#[tokio::test]
async fn a_message_that_kills_the_process_again_and_again_is_dead_at_the_third_beginning() {
    let bus = MemoryBus::new();
    let owner = database("orders").await;
    let mut owner = TestService::start(&owner, &bus, ORDERS, Handlers::new(), testing::settings()).await;
    let (reader, handler) = (database("reader").await, WriteDown::default());
    start_reader(&reader, &bus, &handler, testing::settings()).await.stop().await;

    publish(&owner.database, &placed(order(), "slow")).await;
    let neighbour = order();
    publish(&owner.database, &placed(neighbour, "Ada")).await;
    let settled = tokio::spawn(async move {
        testing::settle(&mut [&mut owner]).await;
        owner
    });
    let mut settings = testing::settings();
    settings.limits.base = Duration::from_secs(30);
    let mut deaths = 0;
    let last = loop {
        let actor = start_reader(&reader, &bus, &handler, settings).await;
        let neighbour_done = || async { effects(&reader).await == ["Ada"] };
        let killer_begun = || handler.slow.load(Ordering::SeqCst) > deaths;
        testing::eventually("something is handled", || async { killer_begun() || neighbour_done().await }).await;
        if !killer_begun() {
            break actor;
        }
        deaths += 1;
        actor.crash().await;
    };
    // Twice as a suspect, and once before if it came from the queue, whose first delivery is nobody's fault.
    assert!((2..=3).contains(&deaths), "{deaths} deaths");
    let parked: Vec<(String, String)> =
        sqlx::query_as("SELECT state, reason FROM parked").fetch_all(&reader.pool).await.unwrap();
    assert_eq!(parked, [("dead".to_owned(), "kills_the_process".to_owned())]);
    last.stop().await;
    settled.await.unwrap().stop().await;
}

/// As above, when an operator has it tried again: an attempt that began and did not end is a death, its neighbour's is none.
#[tokio::test]
async fn a_parked_message_that_kills_the_process_again_and_again_is_dead() {
    let mut stage = Stage::new().await;
    let (killer, neighbour) = (order(), order());
    for order in [killer, neighbour] {
        stage.create(order, "permanent").await;
        stage.settle().await;
    }
    stage.create(killer, "slow").await;
    stage.create(neighbour, "Ada").await;
    stage.settle().await;
    let operations = stage.parked_operations();
    let heads = Filter { state: Some(State::Dead), ..Filter::default() };
    let change = Change::Discard { reason: "sent by a test".into() };
    assert!(operations.bulk(heads, change, &Operator("ada".into())).step().await.unwrap());

    let (mut deaths, mut rounds) = (0, 0);
    // A process that died may hold its locks for a moment: then nothing is due, and the next one looks again.
    while !states(&stage.parked().await).ends_with(&["dead", "done"]) {
        stage.advance(SignedDuration::from_hours(1));
        let limits = Limits { base: Duration::from_secs(30), ..Limits::default() };
        let handlers = reader_handlers(&stage.handler);
        let mut redriver =
            Redriver::new(stage.reader.database.clone(), handlers, &limits, Duration::from_hours(24 * 7));
        let (begun, handler) = (stage.handler.slow.load(Ordering::SeqCst), stage.handler.clone());
        let dies = async {
            while handler.slow.load(Ordering::SeqCst) == begun {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = dies => deaths += 1,
            () = async { while redriver.redrive(MAX_BATCH).await.unwrap() > 0 {} } => {}
        }
        rounds += 1;
        assert!(deaths < 10 && rounds < 1000, "nobody finds out");
    }
    assert_eq!(stage.effects().await, ["Ada"]);
    // Once among others, which may have been it, and twice alone.
    assert_eq!(deaths, 3);
    let parked = stage.parked().await;
    assert_eq!(parked[2], ("dead".to_owned(), "kills_the_process".to_owned()), "{parked:?}");
}
