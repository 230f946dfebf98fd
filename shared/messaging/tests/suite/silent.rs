//! A server that is silent instead of gone: nothing waits for it for ever.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use messaging::{
    database::Database,
    failure,
    health::{Condition, Health},
    testing::{
        eventually,
        orders::{order, placed},
        stage::{database, publish},
    },
    worker::{self, Next, TurnFailed, Worker},
};
use secrecy::SecretString;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

/// Passes bytes on, until it is told to keep them: those who are connected then hear nothing more.
struct Proxy {
    port: u16,
    silent: watch::Sender<usize>,
}

impl Proxy {
    async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, silent) = (listener.local_addr().unwrap().port(), watch::Sender::new(0));
        let told = silent.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (target, mut told) = (target.clone(), told.subscribe());
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        // Both stay open, and nobody reads.
                        _ = told.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self { port, silent }
    }

    /// Whoever is connected hears nothing more.
    fn fall_silent(&self) {
        self.silent.send_modify(|times| *times += 1);
    }
}

/// `database` by a proxy, with one connection for requests and one for everything else.
async fn by_proxy(database: &Database) -> (Database, Proxy) {
    let options = database.pool.connect_options();
    let proxy = Proxy::to(format!("{}:{}", options.get_host(), options.get_port())).await;
    let mut url = url::Url::parse(&std::env::var("TEST_POSTGRES_URL").unwrap()).unwrap();
    url.set_port(Some(proxy.port)).unwrap();
    url.set_path(options.get_database().unwrap());
    let url = SecretString::from(url.to_string());
    (Database::new(&url, database.service, 2, database.clock.clone()).unwrap(), proxy)
}

/// One connection: its place must be free again for the last line to work.
#[tokio::test]
async fn a_commit_that_nobody_answers_ends_and_its_connection_is_replaced() {
    let (database, proxy) = by_proxy(&database("orders").await).await;
    let mut tx = database.begin().await.unwrap();
    tx.publish(&placed(order(), "Ada")).unwrap();
    proxy.fall_silent();
    let error = tokio::time::timeout(Duration::from_secs(30), tx.commit()).await.expect("an end").unwrap_err();
    assert!(failure::is_unreachable(&error), "{error}");
    eventually_begins(&database).await;
}

#[tokio::test]
async fn a_begin_that_nobody_answers_is_an_unreachable_database() {
    let (database, proxy) = by_proxy(&database("orders").await).await;
    drop(database.begin().await.unwrap());
    eventually("the connection is back", || async { database.pool.num_idle() == 1 }).await;
    proxy.fall_silent();
    let error = database.begin().await.err().unwrap();
    assert!(failure::is_unreachable(&error), "{error}");
    eventually_begins(&database).await;
}

/// A statement is dropped half-way, as a turn is when its time is over, or a request when its client hangs up.
#[tokio::test]
async fn a_statement_that_was_dropped_leaves_no_dead_connection_in_the_pool() {
    let (database, proxy) = by_proxy(&database("orders").await).await;
    drop(database.begin().await.unwrap());
    eventually("the connection is back", || async { database.pool.num_idle() == 1 }).await;
    let connection = database.pool.acquire().await.unwrap();
    proxy.fall_silent();
    drop(connection);
    eventually_begins(&database).await;
}

async fn eventually_begins(database: &Database) {
    eventually("a transaction begins", || async { database.begin().await.is_ok() }).await;
}

/// Dropped at any moment, a transaction leaves nothing open: the next one on the same connection sees no rest of it.
#[tokio::test]
async fn a_transaction_dropped_at_any_moment_leaves_nothing_open() {
    let whole = database("orders").await;
    let (database, _proxy) = by_proxy(&whole).await;
    for micros in (0..4000).step_by(100) {
        let work = async {
            let mut tx = database.begin().await?;
            tx.publish(&placed(order(), "Ada")).unwrap();
            tx.commit().await
        };
        let _ = tokio::time::timeout(Duration::from_micros(micros), work).await;
        // Whoever gets the connection now gets it after its end.
        let connection = database.pool.acquire().await.unwrap();
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
        )
        .fetch_one(&whole.pool)
        .await
        .unwrap();
        drop(connection);
        assert_eq!(open, 0, "dropped after {micros} µs");
    }
    publish(&database, &placed(order(), "Bob")).await;
}

/// A client hangs up while COMMIT is under way: what is committed is said, and the relay is woken.
#[tokio::test]
async fn a_commit_whose_caller_gives_up_wakes_the_relay_all_the_same() {
    let database = database("orders").await;
    let mut tx = database.begin().await.unwrap();
    tx.publish(&placed(order(), "Ada")).unwrap();
    assert!(tx.commit().now_or_never().is_none(), "it is under way, and dropped");
    let woken = tokio::time::timeout(Duration::from_secs(10), database.wake_ups.relay.notified());
    woken.await.expect("the relay is woken");
    let committed: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&database.pool).await.unwrap();
    assert_eq!(committed, 1);
}

/// What a handler keeps to itself, COMMIT would: the server rolls back and says neither yes nor no.
#[tokio::test]
async fn a_transaction_whose_error_was_swallowed_does_not_commit() {
    let database = database("orders").await;
    let mut tx = database.begin().await.unwrap();
    assert!(sqlx::query("SELECT 1 / 0").execute(tx.sql()).await.is_err());
    assert!(tx.commit().await.is_err());
}

#[derive(Clone, Default)]
struct Moody {
    turns: Arc<AtomicUsize>,
    abandoned: Arc<AtomicUsize>,
}

impl Worker for Moody {
    fn part(&self) -> &'static str {
        "moody"
    }

    fn trouble(&self) -> &'static str {
        "the test's worker is moody"
    }

    fn is_vital(&self) -> bool {
        true
    }

    fn limit(&self) -> Duration {
        Duration::from_millis(50)
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        match self.turns.fetch_add(1, Ordering::SeqCst) {
            0 => std::future::pending().await,
            1 => panic!("a worker's panic"),
            _ => Ok(Next::Within(Duration::from_millis(1))),
        }
    }

    fn abandon(&mut self) {
        self.abandoned.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn neither_silence_nor_a_panic_ends_a_worker_and_its_health_says_so_meanwhile() {
    let (moody, health, shutdown) = (Moody::default(), Health::default(), CancellationToken::new());
    let running = tokio::spawn(worker::run(moody.clone(), health.clone(), shutdown.clone()));
    let down = |reason: &'static str| {
        let health = health.clone();
        async move { matches!(health.parts().get("moody"), Some(Condition::Down(said)) if said.contains(reason)) }
    };
    eventually("it is silent", || down("no answer within")).await;
    assert_eq!(moody.abandoned.load(Ordering::SeqCst), 1);
    eventually("it panicked", || down("panicked")).await;
    eventually("it works", || async { health.parts().get("moody") == Some(&Condition::Up) }).await;
    shutdown.cancel();
    running.await.unwrap();
}
