//! A service's schema, brought up to date at its start.

use std::time::Duration;

use sqlx::{migrate::Migrator, postgres::PgPoolOptions};
use tokio::time::sleep;

use crate::{
    database::{ACQUIRE, Database, in_time},
    lock::Lock,
};

/// Tables that every service has: outbox, inbox, parked, history.
static MESSAGING: Migrator = sqlx::migrate!("../../migrations/messaging");

/// Held while a replica brings the schema up to date. The schema's and not the database's, as sqlx's own would be: one
/// service's long migration holds up no other.
const MIGRATIONS: &str = "pas-de-trois migrations";
/// How often a replica looks whether another has finished.
const LOOK: Duration = Duration::from_millis(250);

impl Database {
    /// Brings the schema up to date: the tables of messaging, then the service's own. Waits while another replica does.
    ///
    /// A schema that is newer than this program is left as it is: a release that was taken back runs on it, because
    /// migrations expand first and contract a release later.
    pub async fn migrate(&self, own: &Migrator) -> anyhow::Result<()> {
        let mut lock = in_time(Lock::open(self, MIGRATIONS)).await?;
        while !in_time(lock.try_take()).await? {
            sleep(LOOK).await;
        }
        let all = MESSAGING.iter().chain(own.iter()).cloned().collect();
        // Without limits: a migration may take its time.
        let unlimited = [("statement_timeout", "0"), ("lock_timeout", "0")];
        let options = self.pool.connect_options().as_ref().clone().options(unlimited);
        let once = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE).connect_lazy_with(options);
        let result = Migrator::with_migrations(all).set_ignore_missing(true).set_locking(false).run(&once).await;
        once.close().await;
        lock.release().await;
        Ok(result?)
    }
}
