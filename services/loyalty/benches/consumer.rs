//! Events per second through one consumer (inbox row, account, ledger, follow-up event) with one transaction for each
//! message and with group commit. Run by `scripts/bench`; prints the ratio.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that can't go on, or show its numbers, fails"
)]

use std::time::{Duration, Instant};

use contracts::{
    CustomerId, CustomerName, EmailAddress,
    events::{self, customer::CustomerCreated},
};
use messaging::{
    bus::rabbitmq::RabbitMq,
    handler::Handlers,
    message::MAX_BATCH,
    testing::{self, TestService},
};
use secrecy::SecretString;
use sqlx::migrate::Migrator;
use uuid::Uuid;

const ROUNDS: usize = 3;
const EVENTS: i64 = 6000;

#[tokio::main]
async fn main() {
    let bus = RabbitMq::new(SecretString::from(std::env::var("TEST_AMQP_URL").unwrap()), 30).unwrap();
    let owner = testing::database("customer", &Migrator::with_migrations(Vec::new())).await;
    let mut owner = TestService::start(&owner, &bus, events::customer::ALL, Handlers::new(), testing::settings()).await;
    for _ in 0..EVENTS / 100 {
        let mut tx = owner.database.begin().await.unwrap();
        for _ in 0..100 {
            tx.publish(&created(owner.database.clock.now())).unwrap();
        }
        tx.commit().await.unwrap();
    }
    owner.relay.drain().await.unwrap();
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let (alone, grouped) = (consume(&bus, 1).await, consume(&bus, MAX_BATCH).await);
        ratios.push(grouped / alone);
        println!(
            "round {round} of {ROUNDS}: {grouped:.0} events/s in batches of up to {MAX_BATCH}, {alone:.0} events/s one by \
             one, ratio {:.1}",
            grouped / alone
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "group commit over one transaction a message, median of {ROUNDS}: {:.1} (expected: at least 5.0)",
        ratios[ROUNDS / 2]
    );
    owner.stop().await;
}

fn created(registered_at: jiff::Timestamp) -> CustomerCreated {
    let (email, name) = (EmailAddress::parse("ada@example.com").unwrap(), CustomerName::parse("Ada Lovelace").unwrap());
    CustomerCreated { customer_id: CustomerId(Uuid::now_v7()), email, name, registered_at }
}

/// A loyalty service that has never run reads all events; gives events per second.
async fn consume(bus: &RabbitMq, max_batch: usize) -> f64 {
    let database = testing::database(loyalty::SERVICE.name, &loyalty::MIGRATIONS).await;
    let mut settings = testing::settings();
    settings.max_batch = max_batch;
    // One by one takes long: a sample will do.
    let wanted = if max_batch == 1 { EVENTS / 6 } else { EVENTS };
    let booked = || async {
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM ledger").fetch_one(&database.pool).await.unwrap()
    };
    let actor = TestService::start(&database, bus, events::loyalty::ALL, loyalty::handlers(), settings).await;
    while booked().await == 0 {
        tokio::task::yield_now().await;
    }
    let (begin, first) = (Instant::now(), booked().await);
    let mut last = first;
    while last < wanted {
        tokio::time::sleep(Duration::from_millis(5)).await;
        last = booked().await;
    }
    let seconds = begin.elapsed().as_secs_f64();
    actor.stop().await;
    #[expect(clippy::cast_precision_loss, reason = "a count of thousands")]
    let events = (last - first) as f64;
    events / seconds
}
