//! Schemas in a roll-out, forward and back.

use std::time::Duration;

use messaging::testing::stage::database;
use sqlx::{migrate::Migrator, query, query_scalar, raw_sql};
use uuid::Uuid;

#[tokio::test]
async fn a_release_that_was_taken_back_starts_on_the_newer_schema() {
    let database = database("orders").await;
    query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99991231000000, 'of the next release', true, '\\x00', 0)",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    database.migrate(&Migrator::with_migrations(Vec::new())).await.unwrap();
}

/// One replica migrates at a time; the other services of the database do not wait for it.
#[tokio::test]
async fn a_migration_holds_up_the_replicas_of_its_service_and_nobody_else() {
    let database = database("orders").await;
    let mut other = database.pool.acquire().await.unwrap();
    query("CREATE SCHEMA others").execute(&mut *other).await.unwrap();
    for (schema, waits) in [("orders", true), ("others", false)] {
        query(
            "SELECT pg_advisory_lock(hashtext('pas-de-trois migrations'), oid::bigint::bit(32)::integer)
             FROM pg_namespace WHERE nspname = $1",
        )
        .bind(schema)
        .execute(&mut *other)
        .await
        .unwrap();
        let none = Migrator::with_migrations(Vec::new());
        let migrating = database.migrate(&none);
        tokio::pin!(migrating);
        let in_time = tokio::time::timeout(Duration::from_secs(2), &mut migrating).await;
        assert_eq!(in_time.is_err(), waits, "{schema}");
        query("SELECT pg_advisory_unlock_all()").execute(&mut *other).await.unwrap();
        if waits {
            migrating.await.unwrap();
        }
    }
}

/// A program of the release before left several of a subject waiting or dead, and a first one behind nobody.
#[tokio::test]
async fn what_an_older_program_has_parked_gets_one_head_a_subject() {
    const HEADS: i64 = 20_261_126_000_003;
    let database = database("orders").await;
    let mut sql = database.pool.acquire().await.unwrap();
    raw_sql("CREATE SCHEMA before; SET search_path = before").execute(&mut *sql).await.unwrap();
    let all = sqlx::migrate!("../../migrations/messaging");
    let (older, heads): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|migration| migration.version < HEADS);
    for migration in older {
        raw_sql(migration.sql).execute(&mut *sql).await.unwrap();
    }
    for (place, (subject, state)) in [
        (Some(1), "waiting"),
        (Some(1), "dead"),
        (Some(1), "behind"),
        (Some(2), "behind"),
        (Some(2), "behind"),
        (Some(3), "done"),
        (Some(3), "dead"),
        (None, "dead"),
        (None, "dead"),
    ]
    .into_iter()
    .enumerate()
    {
        query(
            "WITH known AS (INSERT INTO inbox SELECT $1, $1, 'order_placed', now() RETURNING event_id)
             INSERT INTO parked (event_id, event_type, subject, state, body, reason, error, attempts, parked_at,
                                 tried_since, next_attempt_at, resolved_at)
             SELECT event_id, 'order_placed', $2, $3, '', '', '', 0, now(), now(),
                    CASE WHEN $3 = 'waiting' THEN now() END, CASE WHEN $3 = 'done' THEN now() END
             FROM known",
        )
        .bind(Uuid::from_u128(1 + place as u128))
        .bind(subject.map(Uuid::from_u128))
        .bind(state)
        .execute(&mut *sql)
        .await
        .unwrap();
    }
    for migration in heads {
        raw_sql(migration.sql).execute(&mut *sql).await.unwrap();
    }
    let states: Vec<String> =
        query_scalar("SELECT state FROM parked ORDER BY event_id").fetch_all(&mut *sql).await.unwrap();
    assert_eq!(states, ["waiting", "behind", "behind", "waiting", "behind", "done", "dead", "dead", "dead"]);
}
