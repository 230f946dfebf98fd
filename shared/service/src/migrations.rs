//! A service's tables, brought up to date at its start.

use messaging::{
    backoff::REST,
    database::Database,
    health::{Condition, Health},
};
use sqlx::migrate::Migrator;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// The tables of one service.
pub struct Tables {
    pub database: Database,
    pub migrations: &'static Migrator,
    pub health: Health,
    /// Cancelled when they are there.
    pub created: CancellationToken,
}

impl Tables {
    /// Brings the schema up to date, however long the database is unreachable. Then stays until `shutdown`.
    pub async fn create(self, shutdown: CancellationToken) {
        let mut failures = 0;
        loop {
            let migrating = Box::pin(self.database.migrate(self.migrations));
            let error = match shutdown.run_until_cancelled(migrating).await {
                None => return,
                Some(Ok(())) => break,
                Some(Err(error)) => error,
            };
            if self.health.set("tables", Condition::Down("the migrations failed or the database is unreachable".into()))
            {
                warn!(reason = format!("{error:#}"), "can't bring the tables up to date: trying again until it works");
            }
            failures += 1;
            if tokio::time::timeout(REST.after(failures), shutdown.cancelled()).await.is_ok() {
                return;
            }
        }
        self.health.set("tables", Condition::Up);
        self.created.cancel();
        shutdown.cancelled().await;
    }
}
