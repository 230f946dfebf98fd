//! A service's own schema: connections, and the unit of work that begins there.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
    query_scalar,
};

use crate::{clock::Clock, metrics::Metrics, wake_ups::WakeUps};

/// Tables that every service has: outbox, inbox, parked, history.
static MESSAGING: Migrator = sqlx::migrate!("../../migrations/messaging");

/// How long a statement may run and wait for a lock. Set on the session, so that every transaction has it at no cost.
/// Below the time limit of a batch: a wait must end in the database. Were its future dropped first, the statement would
/// go on there and hold its locks against the very message that is tried again.
const SESSION: [(&str, &str); 3] =
    [("statement_timeout", "3s"), ("lock_timeout", "2s"), ("idle_in_transaction_session_timeout", "60s")];

/// How long a connection may take; a server that is unreachable must not hold up a shutdown.
const ACQUIRE: Duration = Duration::from_secs(3);

/// One service's schema. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    /// Connections whose `search_path` is the service's schema.
    pub pool: PgPool,
    /// The service, whose name is the schema's.
    pub service: &'static str,
    /// Where the service reads the time.
    pub clock: Clock,
    /// What the service counts: whoever commits does.
    pub metrics: Arc<Metrics>,
    /// Who is woken by a commit.
    pub wake_ups: WakeUps,
}

impl Database {
    /// Prepares connections to the schema of `service`; connects only when one is needed, so a database that is unreachable
    /// does not matter here. Fails if the URL is none.
    pub fn new(url: &SecretString, service: &'static str, connections: u32, clock: Clock) -> anyhow::Result<Self> {
        let options: PgConnectOptions =
            url.expose_secret().parse().ok().context("DATABASE_URL is not a valid Postgres URL")?;
        let options = options.application_name(service).options([("search_path", service)]).options(SESSION);
        let pool =
            PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE).connect_lazy_with(options);
        let metrics = Arc::new(Metrics::new(&pool));
        Ok(Self { pool, service, clock, metrics, wake_ups: WakeUps::default() })
    }

    /// Brings the schema up to date: the tables of messaging, then the service's own.
    pub async fn migrate(&self, own: &Migrator) -> anyhow::Result<()> {
        let all = MESSAGING.iter().chain(own.iter()).cloned().collect();
        // A connection of its own, closed at the end whatever happens: one that failed half-way holds the migrator's lock.
        // And without limits: a migration may take its time.
        let unlimited = [("statement_timeout", "0"), ("lock_timeout", "0")];
        let options = self.pool.connect_options().as_ref().clone().options(unlimited);
        let once = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE).connect_lazy_with(options);
        let result = Migrator::with_migrations(all).run(&once).await;
        once.close().await;
        Ok(result?)
    }

    /// Whether the database answers, within a second.
    pub async fn answers(&self) -> bool {
        let probe = query_scalar!("SELECT 1").fetch_one(&self.pool);
        matches!(tokio::time::timeout(Duration::from_secs(1), probe).await, Ok(Ok(_)))
    }

    /// Waits until the database answers.
    pub async fn wait_until_it_answers(&self) {
        while !self.answers().await {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}
