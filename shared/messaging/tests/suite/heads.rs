//! Each subject has one head, and the re-driver looks for nothing else: however many wait behind.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use messaging::{
    audit::Operator,
    database::Database,
    message::MAX_BATCH,
    parked::operations::{Change, Filter},
    testing::{
        orders::{OrderCompleted, order},
        stage::{Stage, database, publish},
    },
};
use sqlx::{Connection, PgConnection, query, query_scalar, raw_sql};
use uuid::Uuid;

async fn insert(sql: &mut PgConnection, subject: Uuid, state: &str) -> Uuid {
    let id = Uuid::now_v7();
    query("INSERT INTO inbox (event_id, id, event_type, received_at) VALUES ($1, $1, 'order_placed', now())")
        .bind(id)
        .execute(&mut *sql)
        .await
        .unwrap();
    query(
        "INSERT INTO parked (event_id, event_type, subject, state, body, reason, error, attempts, parked_at, tried_since,
                             next_attempt_at)
         VALUES ($1, 'order_placed', $2, $3, '', '', '', 0, now(), now(), CASE WHEN $3 = 'waiting' THEN now() END)",
    )
    .bind(id)
    .bind(subject)
    .bind(state)
    .execute(sql)
    .await
    .unwrap();
    id
}

async fn resolve(sql: &mut PgConnection, id: Uuid) {
    query("UPDATE parked SET state = 'done', resolved_at = now(), next_attempt_at = NULL WHERE event_id = $1")
        .bind(id)
        .execute(sql)
        .await
        .unwrap();
}

async fn states(database: &Database, subject: Uuid) -> Vec<String> {
    query_scalar("SELECT state FROM parked WHERE subject = $1 ORDER BY seq")
        .bind(subject)
        .fetch_all(&database.pool)
        .await
        .unwrap()
}

/// A connection to the schema of `database` beside its pool.
async fn connect(database: &Database) -> PgConnection {
    PgConnection::connect_with(database.pool.connect_options().as_ref()).await.unwrap()
}

#[tokio::test]
async fn whoever_resolves_a_head_makes_the_next_one_the_head() {
    let database = database("orders").await;
    let (mut sql, subject) = (connect(&database).await, order());
    let first = insert(&mut sql, subject, "dead").await;
    let second = insert(&mut sql, subject, "waiting").await;
    insert(&mut sql, subject, "behind").await;
    assert_eq!(states(&database, subject).await, ["dead", "behind", "behind"], "whatever the writer thinks");
    resolve(&mut sql, first).await;
    assert_eq!(states(&database, subject).await, ["done", "waiting", "behind"]);
    resolve(&mut sql, second).await;
    assert_eq!(states(&database, subject).await, ["done", "done", "waiting"]);
}

/// One waits for the other to commit: a message put behind a head that is just being resolved would wait for ever.
#[tokio::test]
async fn coming_to_a_subject_and_leaving_it_at_the_same_time_strands_nobody() {
    let database = database("orders").await;
    let (mut one, mut other) = (connect(&database).await, connect(&database).await);
    for comes_first in [true, false] {
        let subject = order();
        let head = insert(&mut one, subject, "waiting").await;
        query("BEGIN").execute(&mut one).await.unwrap();
        if comes_first {
            insert(&mut one, subject, "behind").await;
        } else {
            resolve(&mut one, head).await;
        }
        let (begun, pid): (Instant, i32) =
            (Instant::now(), query_scalar("SELECT pg_backend_pid()").fetch_one(&mut other).await.unwrap());
        let second = async {
            if comes_first {
                resolve(&mut other, head).await;
            } else {
                insert(&mut other, subject, "behind").await;
            }
        };
        let first = async {
            let waits = "SELECT wait_event_type IS NOT DISTINCT FROM 'Lock' FROM pg_stat_activity WHERE pid = $1";
            while !query_scalar::<_, bool>(waits).bind(pid).fetch_one(&mut one).await.unwrap() {
                assert!(begun.elapsed() < Duration::from_secs(2), "it did not wait (comes first: {comes_first})");
            }
            query("COMMIT").execute(&mut one).await.unwrap();
        };
        tokio::join!(first, second);
        assert_eq!(states(&database, subject).await, ["done", "waiting"], "comes first: {comes_first}");
    }
}

#[tokio::test]
async fn what_was_behind_for_days_has_its_whole_time_limit_from_when_it_is_the_head() {
    let mut stage = Stage::new().await;
    let ada = order();
    stage.create(ada, "permanent").await;
    stage.settle().await;
    stage.create(ada, "transient").await;
    let completed = OrderCompleted { order_id: ada, completed_at: stage.owner.database.clock.now() };
    publish(&stage.owner.database, &completed).await;
    stage.settle().await;
    stage.advance(SignedDuration::from_hours(72));
    let dead =
        stage.parked_operations().list(&messaging::parked::operations::Filter::default(), None, 3).await.unwrap();
    let head = dead.last().unwrap().event_id;
    let operator = messaging::audit::Operator("ada".into());
    stage.parked_operations().discard(head, "not needed", &operator).await.unwrap();
    stage.redrive().await;
    let parked = stage.parked().await;
    assert_eq!(parked[1], ("waiting".to_owned(), "handler_transient".to_owned()), "{parked:?}");

    stage.handler.fix();
    stage.advance(SignedDuration::from_secs(1));
    stage.redrive().await;
    assert_eq!(stage.effects().await, ["transient", "completed"]);
}

/// Newest first: what waits behind another must not become the head, and be tried, before its turn to be discarded.
#[tokio::test]
async fn nothing_of_what_is_being_discarded_is_tried() {
    let mut stage = Stage::new().await;
    let ada = order();
    stage.create(ada, "permanent").await;
    stage.settle().await;
    for _ in 0..501 {
        stage.create(ada, "behind").await;
    }
    stage.settle().await;
    let change = Change::Discard { reason: "sent by a test".into() };
    let mut bulk = stage.parked_operations().bulk(Filter::default(), change, &Operator("ada".into()));
    while bulk.step().await.unwrap() {
        stage.redrive().await;
    }
    assert_eq!(bulk.changed, 502);
    assert!(stage.effects().await.is_empty());
}

/// Ten thousand dead heads with nine behind each: a look that walks through them takes as many times longer.
#[tokio::test]
async fn a_look_costs_the_same_however_many_are_parked() {
    let mut stage = Stage::new().await;
    stage.create(order(), "transient").await;
    stage.settle().await;
    let few = shortest_look(&mut stage).await;
    let mut sql = connect(&stage.reader.database).await;
    query("SET statement_timeout = 0").execute(&mut sql).await.unwrap();
    raw_sql(
        "ALTER TABLE parked DISABLE TRIGGER USER;
         INSERT INTO inbox (event_id, id, event_type, received_at)
         SELECT gen_random_uuid(), gen_random_uuid(), 'order_placed', now() FROM generate_series(1, 100000);
         INSERT INTO parked (event_id, event_type, subject, state, body, reason, error, attempts, parked_at, tried_since)
         SELECT event_id, event_type, md5((row_number() OVER () % 10000)::text)::uuid,
                CASE WHEN row_number() OVER () <= 10000 THEN 'dead' ELSE 'behind' END, '{}', 'undecodable', '', 1,
                received_at, received_at
         FROM inbox WHERE NOT EXISTS (SELECT FROM parked WHERE parked.event_id = inbox.event_id);
         ALTER TABLE parked ENABLE TRIGGER USER;
         ANALYZE parked",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    let many = shortest_look(&mut stage).await;
    assert!(many < 10 * few, "{many:?} with 100,000 parked messages, {few:?} with one");
    stage.handler.fix();
    stage.advance(SignedDuration::from_secs(1));
    stage.redrive().await;
    assert_eq!(stage.effects().await, ["transient"]);
}

async fn shortest_look(stage: &mut Stage) -> Duration {
    let mut shortest = Duration::MAX;
    for _ in 0..10 {
        let begun = Instant::now();
        assert_eq!(stage.reader.redriver.redrive(MAX_BATCH).await.unwrap(), 0, "nothing is due yet");
        shortest = shortest.min(begun.elapsed());
    }
    shortest
}
