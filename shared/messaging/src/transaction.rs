//! A transaction that no silent server and no dropped future can leave open in the pool.
//!
//! sqlx's own waits for the server without a limit, and its `begin` is not cancel-safe: dropped at the wrong moment, it puts
//! a connection back whose transaction nobody ends.

use sqlx::{Executor, PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::runtime::Handle;

use crate::database::answered;

/// A transaction; dropped before its end, it is rolled back.
#[derive(Debug)]
pub(crate) struct Transaction {
    /// `None` when it has ended.
    connection: Option<PoolConnection<Postgres>>,
}

impl Transaction {
    pub async fn begin(pool: &PgPool) -> Result<Self, sqlx::Error> {
        let mut transaction = Self { connection: Some(pool.acquire().await?) };
        answered(transaction.sql().execute("BEGIN")).await?;
        Ok(transaction)
    }

    pub fn sql(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("a connection until the end")
    }

    /// The empty statement before COMMIT fails where an earlier one has: alone, COMMIT would roll back and call it a success,
    /// whoever has swallowed that error.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        answered(self.sql().execute("SELECT; COMMIT")).await?;
        self.connection = None;
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // Without a runtime the process is about to end, and the session with it.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(roll_back(connection));
        }
    }
}

/// Puts the connection back only if the server has said that nothing is open there.
async fn roll_back(mut connection: PoolConnection<Postgres>) {
    if answered(connection.execute("ROLLBACK")).await.is_err() {
        connection.close_on_drop();
    }
}
