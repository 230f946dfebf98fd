//! Schemas in a roll-out, forward and back.

use std::time::Duration;

use messaging::testing::stage::database;
use sqlx::{migrate::Migrator, query};

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
