//! A service's own schema: connections, and the unit of work that begins there.

use std::{io::ErrorKind, sync::Arc, time::Duration};

use anyhow::Context;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    Connection, PgConnection, PgPool,
    pool::PoolConnectionMetadata,
    postgres::{PgConnectOptions, PgPoolOptions},
    query_scalar,
};
use tokio::time::timeout;

use crate::{clock::Clock, metrics::Metrics, wake_ups::WakeUps};

/// How long a statement may run and wait for a lock, and when the server gives up a client that is silent: a host that is
/// gone must not hold its locks until the kernel notices, which takes hours. Set on the session, so that every transaction
/// has it at no cost. Below the time limit of a batch: a wait must end in the database. Were its future dropped first, the statement would
/// go on there and hold its locks against the very message that is tried again.
const SESSION: [(&str, &str); 8] = [
    ("statement_timeout", "3s"),
    ("lock_timeout", "2s"),
    ("idle_in_transaction_session_timeout", "60s"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30s"),
    ("client_connection_check_interval", "5s"),
];

/// How long a connection may take; a server that is unreachable must not hold up a shutdown.
pub(crate) const ACQUIRE: Duration = Duration::from_secs(3);

/// How long the server may take to answer where it has nothing to compute; above `statement_timeout`, because a statement
/// whose future was dropped may still be running.
const ANSWER: Duration = Duration::from_secs(4);

/// How long a few statements may take together.
const IN_TIME: Duration = Duration::from_secs(10);

/// After so long without use a connection is asked whether it still answers before it is used.
const RESTED: Duration = Duration::from_secs(1);

/// One service's schema. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    /// Connections whose `search_path` is the service's schema.
    pub pool: PgPool,
    /// Those for requests: however many come, relay, router and probes have theirs.
    requests: PgPool,
    /// The service, whose name is the schema's.
    pub service: &'static str,
    /// Where the service reads the time.
    pub clock: Clock,
    /// What the service counts: whoever commits does.
    pub metrics: Arc<Metrics>,
    /// Who is woken by a commit.
    pub wake_ups: WakeUps,
    /// Why it took nothing the last time, though it may answer.
    pub trouble: Trouble,
}

/// What somebody met who could write nothing, until somebody can. Copies share it.
#[derive(Clone, Debug, Default)]
pub struct Trouble(Arc<Mutex<Option<&'static str>>>);

impl Trouble {
    /// Nothing can be written, for this reason; `true` if that is news.
    pub(crate) fn set(&self, reason: &'static str) -> bool {
        self.0.lock().replace(reason) != Some(reason)
    }

    /// Something was written.
    pub(crate) fn clear(&self) {
        *self.0.lock() = None;
    }

    /// Why nothing can be written, if that is so.
    pub fn reason(&self) -> Option<&'static str> {
        *self.0.lock()
    }
}

impl Database {
    /// Prepares connections to the schema of `service`; connects only when one is needed, so a database that is unreachable
    /// does not matter here. Fails if the URL is none.
    pub fn new(url: &SecretString, service: &'static str, connections: u32, clock: Clock) -> anyhow::Result<Self> {
        let options: PgConnectOptions =
            url.expose_secret().parse().ok().context("DATABASE_URL is not a valid Postgres URL")?;
        let options = options.application_name(service).options([("search_path", service)]).options(SESSION);
        let pool = |connections| {
            let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE);
            let pool = pool.test_before_acquire(false).before_acquire(answers_after_a_rest);
            pool.after_release(still_answers).connect_lazy_with(options.clone())
        };
        let connections = connections.max(2);
        let for_requests = request_connections(connections);
        let (pool, requests) = (pool(connections - for_requests), pool(for_requests));
        let metrics = Arc::new(Metrics::new([&pool, &requests]));
        Ok(Self { pool, requests, service, clock, metrics, wake_ups: WakeUps::default(), trouble: Trouble::default() })
    }

    /// The same for whoever answers requests, with the connections that are theirs.
    #[must_use]
    pub fn for_requests(&self) -> Self {
        Self { pool: self.requests.clone(), ..self.clone() }
    }

    /// Whether the database answers, within a second.
    pub async fn answers(&self) -> bool {
        let probe = query_scalar!("SELECT 1").fetch_one(&self.pool);
        matches!(tokio::time::timeout(Duration::from_secs(1), probe).await, Ok(Ok(_)))
    }
}

/// How many of so many connections are for requests: what is left when a service's own work has its eight, but at least half.
pub fn request_connections(connections: u32) -> u32 {
    connections.saturating_sub(8).max(connections / 2)
}

/// `work`, unless the server is silent for too long.
pub(crate) async fn answered<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    limited(ANSWER, work).await
}

/// `work` of a few statements, each with the session's own time limit, unless the server is silent for too long.
pub(crate) async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    limited(IN_TIME, work).await
}

async fn limited<T>(limit: Duration, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(sqlx::Error::Io(ErrorKind::TimedOut.into())))
}

/// Whether a connection that nobody has used for a while answers. Not each time, as sqlx would ask: it was asked when it was
/// put back, and a registration is four round trips with that one.
fn answers_after_a_rest(
    connection: &mut PgConnection,
    PoolConnectionMetadata { idle_for, .. }: PoolConnectionMetadata,
) -> BoxFuture<'_, Result<bool, sqlx::Error>> {
    Box::pin(async move {
        if idle_for > RESTED {
            answered(connection.ping()).await?;
        }
        Ok(true)
    })
}

/// Whether a connection that is put back answers: sqlx asks as well, and waits for ever. One that is silent is closed, so
/// that its place in the pool is free again.
fn still_answers(connection: &mut PgConnection, _: PoolConnectionMetadata) -> BoxFuture<'_, Result<bool, sqlx::Error>> {
    Box::pin(async { answered(connection.ping()).await.map(|()| true) })
}
