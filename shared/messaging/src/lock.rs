//! Locks of a service's schema, for what only one of its replicas may do at a time.

use sqlx::{Connection, PgConnection, query, query_scalar};

use crate::database::{Database, answered};

/// What only one session of a service's database may do at a time. Only to save work: the inbox keeps two readers apart
/// anyway.
#[derive(Debug)]
pub(crate) struct Lock {
    connection: PgConnection,
    name: &'static str,
}

impl Lock {
    /// A session that can take the lock `name`. The lock belongs to the session and falls with it.
    pub async fn open(database: &Database, name: &'static str) -> Result<Self, sqlx::Error> {
        // Not the pool's any more: the session, and the lock with it, must end when this value is dropped.
        Ok(Self { connection: database.pool.acquire().await?.detach(), name })
    }

    /// Takes the lock if it is free.
    pub async fn try_take(&mut self) -> Result<bool, sqlx::Error> {
        // A lock is the database's; the schema's number tells the services apart.
        query_scalar!(
            r#"SELECT pg_try_advisory_lock(
                   hashtext($1),
                   (SELECT oid::bigint::bit(32)::integer FROM pg_namespace WHERE nspname = current_schema())
               ) AS "taken!""#,
            self.name,
        )
        .fetch_one(&mut self.connection)
        .await
    }

    /// Gives it back, and ends the session.
    pub async fn release(mut self) {
        // Before the goodbye, which the server hears in its own time: whoever asks next finds the lock free.
        let _ = answered(query!("SELECT pg_advisory_unlock_all()").execute(&mut self.connection)).await;
        // Failing to say goodbye ends the session all the same.
        let _ = answered(self.connection.close()).await;
    }
}
