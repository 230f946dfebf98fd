//! Whose a mail is while it is on its way: by the database's clock, for as long as the delivery takes.

use std::{sync::Arc, time::Duration};

use contracts::events::customer::{CustomerDeactivated, DeactivationReason};
use email::mailer::FakeMailer;
use jiff::SignedDuration;
use messaging::database::Database;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::stage::{Stage, customer};

/// As if every lease had been over for a second, by the database's clock.
pub async fn end_leases(database: &Database) {
    let sql = "UPDATE mails SET (lease_until, next_attempt_at) = (now() - interval '1 s', now() - interval '1 s')
               WHERE lease_until IS NOT NULL";
    sqlx::query(sql).execute(&database.pool).await.unwrap();
}

/// The machines' clocks differ by minutes, and each believes its own.
#[tokio::test]
async fn a_mail_on_its_way_is_nobody_else_s_whatever_the_other_s_clock_says() {
    let mut stage = Stage::new().await;
    stage.created(customer()).await;
    let (clock, second) = (stage.database.clock.clone(), FakeMailer::default());
    let mut other = stage.sender(&second);
    let meanwhile = async move {
        clock.advance(SignedDuration::from_hours(1));
        assert!(!other.send_one().await.unwrap());
    };
    assert!(stage.sender(&FakeMailer::slow(meanwhile)).send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("sent".to_owned(), 1)]);
    assert!(second.given().is_empty());
}

#[tokio::test]
async fn a_mail_whose_sender_died_is_sent_when_the_database_says_that_the_lease_is_over() {
    let mut stage = Stage::new().await;
    stage.created(customer()).await;
    let mut died = stage.sender(&FakeMailer::slow(std::future::pending()));
    let first = tokio::time::timeout(Duration::from_millis(500), died.send_one()).await;
    assert!(first.is_err(), "it hangs");
    let mut other = stage.sender(&FakeMailer::default());
    assert!(!other.send_one().await.unwrap());
    end_leases(&stage.database).await;
    assert!(other.send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("sent".to_owned(), 2)]);
}

/// The lease is renewed for as long as the server takes, so nobody else gets the mail; and when the customer is deactivated
/// meanwhile, the mail is not said to its end.
#[tokio::test]
async fn a_lease_outlasts_the_delivery_which_is_broken_off_when_the_customer_is_deactivated() {
    let mut stage = Stage::new().await;
    let ada = customer();
    stage.created(ada).await;
    let (database, server_reached) = (stage.database.clone(), Arc::<Notify>::default());
    let reached = server_reached.clone();
    let server = FakeMailer::slow(async move {
        reached.notify_one();
        std::future::pending::<()>().await;
    });
    let mut sender = stage.sender(&server).renewing(Duration::from_millis(20));
    let meanwhile = async {
        server_reached.notified().await;
        end_leases(&database).await;
        until_leased(&database).await;
        let (reason, deactivated_at) = (DeactivationReason::EmailExpired, stage.customer.database.clock.now());
        stage.publish(CustomerDeactivated { customer_id: ada, reason, deactivated_at }).await;
    };
    let both = async { tokio::join!(sender.send_one(), meanwhile) };
    let (sent, ()) = timeout(Duration::from_secs(20), both).await.expect("broken off");
    assert!(sent.unwrap());
    assert!(server.given().is_empty());
    assert_eq!(stage.mails().await, [("cancelled".to_owned(), 1)]);
    assert!(stage.published().await.is_empty());
}

async fn until_leased(database: &Database) {
    let is_leased = "SELECT lease_until > now() FROM mails";
    while !sqlx::query_scalar::<_, bool>(is_leased).fetch_one(&database.pool).await.unwrap() {
        sleep(Duration::from_millis(5)).await;
    }
}
