//! Registrations per second over HTTP, against what pgbench commits per second with the same statements on the same
//! server. Run by `scripts/bench`; prints ratios, because the machine is part of every absolute number.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that can't go on, or show its numbers, fails"
)]

use std::{
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use messaging::testing;
use serde_json::json;

const CLIENTS: u64 = 16;
const SECONDS: u64 = 5;
const ROUNDS: usize = 3;
const HTTP: &str = "127.0.0.1:18080";
const OPS: &str = "127.0.0.1:19080";

/// What a registration says to Postgres, statement by statement.
const STATEMENTS: &str = r"
BEGIN;
INSERT INTO customer.customers (id, email, name, status, registered_at, welcome_email)
    VALUES (gen_random_uuid(), gen_random_uuid() || '@example.com', 'Ada Lovelace', 'registered', now(), 'pending');
SELECT pg_advisory_xact_lock(('x' || substr(md5(random()::text), 1, 16))::bit(64)::bigint);
INSERT INTO customer.outbox (event_id, event_type, version, subject, correlation_id, recorded_at, traceparent, data)
    VALUES (gen_random_uuid(), 'customer_created', 1, gen_random_uuid(), gen_random_uuid(), now(),
            '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
            json_build_object('customer_id', gen_random_uuid(), 'email', gen_random_uuid() || '@example.com',
                              'name', 'Ada Lovelace', 'registered_at', now()));
COMMIT;
";

#[tokio::main]
async fn main() {
    let database = testing::database(customer::SERVICE.name, &customer::MIGRATIONS).await;
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&database.pool).await.unwrap();
    let (server, _) = std::env::var("TEST_POSTGRES_URL").map(|url| split(&url)).unwrap();
    let url = format!("{server}/{name}");
    let service = Service::start(&url).await;
    println!("an idle customer service: {} MiB of memory", service.memory_mib());
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let commits = pgbench(&url);
        let registrations = register().await;
        ratios.push(registrations / commits);
        println!(
            "round {round} of {ROUNDS}: {registrations:.0} registrations/s over HTTP, {commits:.0} commits/s by pgbench, \
             ratio {:.2}",
            registrations / commits
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "registrations per pgbench commit, median of {ROUNDS}: {:.2} (expected: at least 0.50)",
        ratios[ROUNDS / 2]
    );
    service.drain(&database).await;
    println!("the same service, idle after the load: {} MiB of memory (expected: under 30)", service.memory_mib());
}

fn split(url: &str) -> (String, String) {
    let (server, database) = url.rsplit_once('/').unwrap();
    (server.to_owned(), database.to_owned())
}

/// The real binary, with its relay and its logs.
struct Service(Child);

impl Service {
    async fn start(url: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_customer"))
            .env("DATABASE_URL", url)
            .env("AMQP_URL", std::env::var("TEST_AMQP_URL").unwrap())
            .env("HTTP_ADDR", HTTP)
            .env("OPS_ADDR", OPS)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let ready = || async {
            reqwest::get(format!("http://{OPS}/health/ready")).await.is_ok_and(|answer| answer.status().is_success())
        };
        testing::eventually("the service is ready", ready).await;
        Self(child)
    }

    fn memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    /// Until the relay has published everything.
    async fn drain(&self, database: &messaging::database::Database) {
        let waiting = "SELECT EXISTS (SELECT FROM outbox WHERE published_at IS NULL)";
        while sqlx::query_scalar(waiting).fetch_one(&database.pool).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Registrations per second by [`CLIENTS`] clients on connections of their own.
async fn register() -> f64 {
    let done = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let done = done.clone();
            tokio::spawn(async move {
                let http = reqwest::Client::new();
                while begin.elapsed() < Duration::from_secs(SECONDS) {
                    let number = done.fetch_add(1, Ordering::Relaxed);
                    let email = format!("bench.{client}.{number}.{}@example.com", begin.elapsed().as_nanos());
                    let body = json!({ "email": email, "name": "Ada Lovelace" });
                    let answer = http.post(format!("http://{HTTP}/customers")).json(&body).send().await.unwrap();
                    assert_eq!(answer.status(), 201);
                    answer.bytes().await.unwrap();
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of thousands")]
    let registered = done.load(Ordering::Relaxed) as f64;
    registered / begin.elapsed().as_secs_f64()
}

fn pgbench(url: &str) -> f64 {
    let script = std::env::temp_dir().join(format!("registration-{}.sql", std::process::id()));
    std::fs::write(&script, STATEMENTS).unwrap();
    let (clients, seconds) = (CLIENTS.to_string(), SECONDS.to_string());
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--client", &clients, "--time", &seconds, "--file"])
        .arg(&script)
        .arg(url)
        .output()
        .unwrap();
    std::fs::remove_file(script).unwrap();
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = report.lines().find(|line| line.starts_with("tps")).unwrap_or_else(|| {
        panic!("pgbench: {}", String::from_utf8_lossy(&output.stderr));
    });
    line.split_whitespace().nth(2).unwrap().parse().unwrap()
}
