//! Replays: what the inbox has not seen of a history, once, and no more than was asked for.

use axum::http::StatusCode;
use event::EventType;
use jiff::SignedDuration;
use messaging::{
    bus::memory::MemoryBus,
    database::Database,
    handler::Handlers,
    history::replay::{Plan, Progress, ReplayError},
    message::MAX_BATCH,
    middleware::Limits,
    parked::redrive::Redriver,
    testing::{
        self, TestService,
        orders::{ORDERS, OrderCompleted, OrderPlaced, order, placed},
        stage::{WriteDown, database, effects, publish, reader_handlers},
    },
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::desk::{Desk, admin};

/// An owner with a history, and a reader that sees of it what a replay shows.
struct Archive {
    bus: MemoryBus,
    owner: TestService,
    reader: Database,
    handler: WriteDown,
}

impl Archive {
    async fn new(names: &[&str]) -> Self {
        let bus = MemoryBus::new();
        let owner = database("orders").await;
        let owner = TestService::start(&owner, &bus, ORDERS, Handlers::new(), testing::settings()).await;
        let mut archive = Self { bus, owner, reader: database("reader").await, handler: WriteDown::default() };
        archive.write(names).await;
        archive
    }

    async fn write(&mut self, names: &[&str]) {
        for name in names {
            publish(&self.owner.database, &placed(order(), name)).await;
        }
        testing::settle(&mut [&mut self.owner]).await;
    }

    /// The last line of the answer to a request for a replay.
    async fn replay(&self, request: Value) -> Value {
        let answer = self.desk().post("/admin/replay", &request).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        // A single line was read as JSON already.
        let Value::String(lines) = answer.body else { return answer.body };
        serde_json::from_str(lines.lines().last().unwrap()).unwrap()
    }

    fn desk(&self) -> Desk {
        Desk::new(&admin(&self.reader, &self.bus, reader_handlers(&self.handler)))
    }

    async fn begin(&self, plan: Plan) -> Result<messaging::history::replay::Replay, ReplayError> {
        testing::replay(&self.reader, &self.bus, reader_handlers(&self.handler), plan).await
    }

    fn redriver(&self) -> Redriver {
        let limits = Limits::default();
        let day = std::time::Duration::from_hours(24);
        Redriver::new(self.reader.clone(), reader_handlers(&self.handler), &limits, day)
    }

    async fn count(&self, table: &str) -> i64 {
        let query = format!("SELECT count(*) FROM {table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&self.reader.pool).await.unwrap()
    }
}

fn everything() -> Plan {
    Plan { owner: "orders", event: None, since: None, mute: false, dry_run: false }
}

/// New, already handled, parked.
fn counts(progress: &Value) -> [i64; 3] {
    assert_eq!(progress["done"], true, "{progress}");
    ["new", "already_handled", "parked"].map(|count| progress[count].as_i64().unwrap())
}

#[tokio::test]
async fn a_handler_that_was_added_later_gets_the_earlier_events() {
    let mut archive = Archive::new(&["Ada", "Bob"]).await;
    let handlers = Handlers::new().on::<OrderCompleted>(archive.handler.clone());
    let actor = TestService::start(&archive.reader, &archive.bus, &[], handlers, testing::settings()).await;
    actor.until_live().await;
    let completed = OrderCompleted { order_id: order(), completed_at: archive.reader.clock.now() };
    publish(&archive.owner.database, &completed).await;
    testing::settle(&mut [&mut archive.owner]).await;
    assert_eq!(effects(&archive.reader).await, ["completed"]);
    actor.stop().await;

    let handlers = reader_handlers(&archive.handler);
    let actor = TestService::start(&archive.reader, &archive.bus, &[], handlers, testing::settings()).await;
    actor.until_live().await;
    archive.write(&["Cy"]).await;
    assert_eq!(effects(&archive.reader).await, ["completed", "Cy"], "its history was read without that handler");
    let request = json!({ "owner": "orders", "event": "order_placed", "from": "first" });
    assert_eq!(counts(&archive.replay(request).await), [2, 1, 0]);
    assert_eq!(effects(&archive.reader).await, ["completed", "Cy", "Ada", "Bob"]);
    actor.stop().await;
}

#[tokio::test]
async fn what_is_handled_is_not_handled_again() {
    let mut archive = Archive::new(&["Ada", "Bob"]).await;
    let request = json!({ "owner": "orders", "from": "first" });
    assert_eq!(counts(&archive.replay(request.clone()).await), [2, 0, 0]);
    archive.write(&["Cy"]).await;
    let again = archive.replay(request).await;
    assert_eq!(counts(&again), [1, 2, 0]);
    assert_eq!(again["resumed"], false, "the first came to its end");
    assert_eq!(effects(&archive.reader).await, ["Ada", "Bob", "Cy"]);
}

#[tokio::test]
async fn an_interrupted_replay_goes_on_where_it_was() {
    let names: Vec<_> = (0..300).map(|number| number.to_string()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let archive = Archive::new(&names).await;
    let shutdown = CancellationToken::new();
    let mut first = archive.begin(everything()).await.unwrap();
    assert!(first.step(&shutdown).await.unwrap(), "there is more");
    let half = first.progress();
    assert!(0 < half.new && half.new < 300, "{half:?}");
    assert_eq!(archive.count("effects").await, half.new);
    first.end().await.unwrap();

    let mut second = archive.begin(everything()).await.unwrap();
    assert_eq!(second.progress(), Progress { resumed: true, ..half });
    while second.step(&shutdown).await.unwrap() {}
    let done = second.progress();
    assert_eq!((done.new, done.already_handled), (300, 0));
    assert_eq!((done.next_offset, done.last_offset), (Some(300), Some(299)));
    second.end().await.unwrap();
    assert_eq!(effects(&archive.reader).await, names);
    assert_eq!(archive.count("replays").await, 0, "what came to its end is forgotten");
}

#[tokio::test]
async fn a_replay_ends_where_the_history_ended_when_it_began() {
    let mut archive = Archive::new(&["Ada"]).await;
    let mut replay = archive.begin(everything()).await.unwrap();
    archive.write(&["Bob"]).await;
    while replay.step(&CancellationToken::new()).await.unwrap() {}
    assert_eq!((replay.progress().new, replay.progress().next_offset), (1, Some(1)));
    replay.end().await.unwrap();
    assert_eq!(effects(&archive.reader).await, ["Ada"]);
}

#[tokio::test]
async fn one_replay_runs_at_a_time() {
    let archive = Archive::new(&["Ada"]).await;
    let first = archive.begin(everything()).await.unwrap();
    assert!(matches!(archive.begin(everything()).await, Err(ReplayError::Busy)));
    let refused = archive.desk().post("/admin/replay", &json!({ "owner": "orders", "from": "first" })).await;
    assert!(refused.is_problem(StatusCode::CONFLICT), "{refused:?}");
    first.end().await.unwrap();
    archive.begin(everything()).await.unwrap().end().await.unwrap();
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let archive = Archive::new(&["Ada", "permanent"]).await;
    let request = json!({ "owner": "orders", "from": "first", "dry_run": true });
    assert_eq!(counts(&archive.replay(request).await), [2, 0, 0]);
    for table in ["effects", "inbox", "outbox", "parked", "replays", "audit"] {
        assert_eq!(archive.count(table).await, 0, "{table}");
    }
    let real = archive.replay(json!({ "owner": "orders", "from": "first" })).await;
    assert_eq!((counts(&real), &real["resumed"]), ([1, 0, 1], &json!(false)));
}

#[tokio::test]
async fn only_what_was_recorded_since_is_replayed() {
    let mut archive = Archive::new(&["long ago"]).await;
    let clock = archive.owner.database.clock.clone();
    clock.advance(SignedDuration::from_hours(1));
    archive.write(&["just before"]).await;
    // So close that the broker, which counts in seconds, may show both.
    clock.advance(SignedDuration::from_micros(1));
    let since = clock.now();
    archive.write(&["then", "later"]).await;
    let request = json!({ "owner": "orders", "from": since.to_string() });
    assert_eq!(counts(&archive.replay(request).await), [2, 0, 0]);
    assert_eq!(effects(&archive.reader).await, ["then", "later"]);
}

#[tokio::test]
async fn only_the_event_that_was_asked_for_is_replayed() {
    let archive = Archive::new(&["Ada"]).await;
    let plan = Plan { event: Some(EventType::of::<OrderCompleted>()), ..everything() };
    let mut replay = archive.begin(plan).await.unwrap();
    while replay.step(&CancellationToken::new()).await.unwrap() {}
    assert_eq!(replay.progress().new, 0);
    replay.end().await.unwrap();
    assert!(effects(&archive.reader).await.is_empty());
}

#[tokio::test]
async fn a_muted_replay_builds_the_state_and_tells_nobody() {
    let archive = Archive::new(&["Ada", "Bob"]).await;
    let request = json!({ "owner": "orders", "from": "first", "mute": true });
    assert_eq!(counts(&archive.replay(request).await), [2, 0, 0]);
    assert_eq!(effects(&archive.reader).await, ["Ada", "Bob"]);
    assert_eq!(archive.count("outbox").await, 0);
    // It is handled for good: a replay that is not muted does not make up for it.
    let request = json!({ "owner": "orders", "from": "first" });
    assert_eq!(counts(&archive.replay(request).await), [0, 2, 0]);
    assert_eq!(archive.count("outbox").await, 0);
}

#[tokio::test]
async fn what_a_replay_can_not_handle_is_parked_and_stays_as_muted_as_the_replay() {
    for mute in [false, true] {
        let archive = Archive::new(&["Ada", "transient", "permanent"]).await;
        let request = json!({ "owner": "orders", "from": "first", "mute": mute });
        assert_eq!(counts(&archive.replay(request).await), [1, 0, 2]);
        let desk = archive.desk();
        let parked = desk.get("/admin/parked").await.body;
        assert_eq!([&parked["items"][0]["muted"], &parked["items"][1]["muted"]], [mute, mute]);

        archive.handler.fix();
        desk.post("/admin/parked/retry", &json!(null)).await;
        let mut redriver = archive.redriver();
        while redriver.redrive(MAX_BATCH).await.unwrap() > 0 {}
        assert_eq!(effects(&archive.reader).await, ["Ada", "transient", "permanent"]);
        assert_eq!(archive.count("outbox").await, if mute { 0 } else { 3 }, "follow-ups if mute is {mute}");
    }
}

#[tokio::test]
async fn a_replay_is_in_the_audit_trail() {
    let archive = Archive::new(&["Ada"]).await;
    archive.replay(json!({ "owner": "orders", "from": "first", "mute": true })).await;
    let trail: Vec<(String, String, Value)> =
        sqlx::query_as("SELECT operator, action, after FROM audit").fetch_all(&archive.reader.pool).await.unwrap();
    let plan = json!({ "owner": "orders", "event_type": "", "since": "first", "muted": true });
    assert_eq!(trail, [("ada".to_owned(), "replay".to_owned(), plan)]);
}

#[tokio::test]
async fn a_replay_of_what_the_service_does_not_react_to_is_refused() {
    let archive = Archive::new(&[]).await;
    let request = json!({ "owner": "billing", "event": "order_cancelled", "from": "yesterday" });
    let refused = archive.desk().post("/admin/replay", &request).await;
    assert!(refused.is_problem(StatusCode::UNPROCESSABLE_ENTITY), "{refused:?}");
    assert_eq!(refused.fields(), ["owner", "event", "from"]);
    let handlers = Handlers::new().on::<OrderPlaced>(archive.handler.clone());
    let nowhere = Desk::new(&admin(&archive.reader, &MemoryBus::new(), handlers));
    let missing = nowhere.post("/admin/replay", &json!({ "owner": "orders", "from": "first" })).await;
    assert!(missing.is_problem(StatusCode::NOT_FOUND), "{missing:?}");
}
