//! Catching up: what was missed is read again, once and in order.

use std::sync::atomic::Ordering;

use messaging::{
    bus::memory::MemoryBus,
    database::Database,
    handler::Handlers,
    health::Condition,
    testing::{
        self, TestService,
        orders::{ORDERS, order, placed},
        stage::{WriteDown, database, effects, publish, start_reader},
    },
};

async fn owner(bus: &MemoryBus) -> TestService {
    TestService::start(&database("orders").await, bus, ORDERS, Handlers::new(), testing::settings()).await
}

async fn cursor(database: &Database) -> (i64, bool) {
    sqlx::query_as("SELECT next_offset, caught_up FROM history").fetch_one(&database.pool).await.unwrap()
}

#[tokio::test]
async fn a_service_that_starts_after_500_registrations_handles_them_all_once_and_in_order() {
    let bus = MemoryBus::new();
    let mut owner = owner(&bus).await;
    let orders: Vec<_> = (0..50).map(|_| order()).collect();
    for round in 0..10 {
        for ada in &orders {
            publish(&owner.database, &placed(*ada, &format!("{round}"))).await;
        }
    }
    testing::settle(&mut [&mut owner]).await;

    let reader = database("reader").await;
    let actor = start_reader(&reader, &bus, &WriteDown::default(), testing::settings()).await;
    actor.until_live().await;
    assert_eq!(effects(&reader).await.len(), 500);
    let disorder: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT name::int - lag(name::int, 1, -1) OVER (PARTITION BY subject ORDER BY id) AS step
                               FROM effects) AS steps WHERE step <> 1",
    )
    .fetch_one(&reader.pool)
    .await
    .unwrap();
    assert_eq!(disorder, 0);
    assert_eq!(cursor(&reader).await, (500, true));
    actor.stop().await;
}

#[tokio::test]
async fn a_catch_up_that_crashes_half_way_goes_on_where_it_was() {
    let bus = MemoryBus::new();
    let mut owner = owner(&bus).await;
    let names: Vec<_> = (0..300).map(|number| if number == 150 { "slow".into() } else { number.to_string() }).collect();
    for name in &names {
        publish(&owner.database, &placed(order(), name)).await;
    }
    testing::settle(&mut [&mut owner]).await;

    let reader = database("reader").await;
    let mut settings = testing::settings();
    settings.max_batch = 10;
    let handler = WriteDown::default();
    let actor = start_reader(&reader, &bus, &handler, settings).await;
    let hangs = || async { handler.slow.load(Ordering::SeqCst) > 0 };
    testing::eventually("the handler hangs in the middle of the history", hangs).await;
    actor.crash().await;
    // Not past what was handled: the cursor moves in the transaction of the batch.
    assert_eq!(cursor(&reader).await, (150, false));
    assert_eq!(effects(&reader).await.len(), 150);

    handler.fix();
    let actor = start_reader(&reader, &bus, &handler, settings).await;
    actor.until_live().await;
    assert_eq!(effects(&reader).await, names);
    actor.stop().await;
}

#[tokio::test]
async fn a_second_replica_waits_while_the_first_catches_up() {
    let bus = MemoryBus::new();
    let _owner = owner(&bus).await;
    let reader = database("reader").await;
    let mut slow = testing::settings();
    slow.settling.first_word = std::time::Duration::from_mins(10);
    let first = start_reader(&reader, &bus, &WriteDown::default(), slow).await;
    let catching_up = || async { matches!(first.health.parts().get("router"), Some(Condition::Waiting(_))) };
    testing::eventually("the first catches up", catching_up).await;

    let second = start_reader(&reader, &bus, &WriteDown::default(), testing::settings()).await;
    let waits = Some(Condition::Waiting("another replica, which catches up".into()));
    testing::eventually("the second waits", || async { second.health.parts().get("router") == waits.as_ref() }).await;
    first.crash().await;
    second.until_live().await;
    second.stop().await;
}

#[tokio::test]
async fn a_history_that_was_made_anew_is_read_from_its_beginning() {
    let reader = database("reader").await;
    for name in ["before", "after"] {
        // The second bus knows nothing of the first: as if the broker had lost its data.
        let bus = MemoryBus::new();
        let mut owner = owner(&bus).await;
        for _ in 0..3 {
            publish(&owner.database, &placed(order(), name)).await;
        }
        testing::settle(&mut [&mut owner]).await;
        let actor = start_reader(&reader, &bus, &WriteDown::default(), testing::settings()).await;
        actor.until_live().await;
        actor.stop().await;
    }
    assert_eq!(effects(&reader).await, ["before", "before", "before", "after", "after", "after"]);
}

#[tokio::test]
async fn a_message_that_the_queue_never_got_is_found_in_the_history() {
    let bus = MemoryBus::new();
    let mut owner = owner(&bus).await;
    let reader = database("reader").await;
    let mut settings = testing::settings();
    settings.settling.every = std::time::Duration::from_millis(200);
    let actor = start_reader(&reader, &bus, &WriteDown::default(), settings).await;
    actor.until_live().await;
    bus.unbind("reader");
    publish(&owner.database, &placed(order(), "Ada")).await;
    testing::settle(&mut [&mut owner]).await;
    testing::eventually("the lost event is handled", || async { effects(&reader).await == ["Ada"] }).await;

    // And the binding is back.
    publish(&owner.database, &placed(order(), "Bob")).await;
    testing::settle(&mut [&mut owner]).await;
    assert_eq!(effects(&reader).await, ["Ada", "Bob"]);
    actor.stop().await;
}
