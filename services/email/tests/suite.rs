//! Mail, on a real Postgres with a fake mail server.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::sync::Arc;

use contracts::{
    CustomerId, Personal,
    events::{
        self,
        customer::{CustomerCreated, CustomerDeactivated, DeactivationReason},
    },
};
use email::{
    EmailConfig,
    mailer::{DeliveryResult, FakeMailer, Mailer},
    metrics::MailMetrics,
    sender::Sender,
};
use event::Event;
use jiff::SignedDuration;
use messaging::{
    bus::memory::MemoryBus,
    database::Database,
    handler::Handlers,
    health::Health,
    history::replay::Plan,
    metrics::collector::Collector,
    testing::{self, TestService, settle},
};
use metrics::scrape::Scrape;
use sqlx::migrate::Migrator;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

struct Stage {
    bus: MemoryBus,
    database: Database,
    customer: TestService,
    email: TestService,
    config: EmailConfig,
}

impl Stage {
    async fn new() -> Self {
        let bus = MemoryBus::new();
        let customer = testing::database("customer", &Migrator::with_migrations(Vec::new())).await;
        let customer =
            TestService::start(&customer, &bus, events::customer::ALL, Handlers::new(), testing::settings()).await;
        let database = testing::database(email::SERVICE.name, &email::MIGRATIONS).await;
        let mail_from = "Pas de Trois <welcome@pasdetrois.example>".parse().unwrap();
        let config = EmailConfig { smtp_url: "smtp://127.0.0.1:1".into(), mail_from, mail_copies: 3 };
        let handlers = email::handlers(&config, &Arc::<Notify>::default());
        let email = TestService::start(&database, &bus, events::email::ALL, handlers, testing::settings()).await;
        email.until_live().await;
        Self { bus, database, customer, email, config }
    }

    /// What a registration means here is told by a replay of the history.
    async fn replay(&self, mute: bool) {
        let plan = Plan { owner: "customer", event: None, since: None, mute, dry_run: false };
        let handlers = email::handlers(&self.config, &Arc::<Notify>::default());
        let mut replay = testing::replay(&self.database, &self.bus, handlers, plan).await.unwrap();
        while replay.step(&CancellationToken::new()).await.unwrap() {}
        replay.end().await.unwrap();
    }

    fn sender(&self, mailer: &FakeMailer) -> Sender {
        let mailer = Mailer::Fake(mailer.clone());
        let metrics = MailMetrics::register(&self.database);
        Sender::new("sender", self.database.clone(), mailer, &self.config, Arc::default(), metrics)
    }

    async fn publish<E: Event>(&mut self, event: E) -> Uuid {
        let mut tx = self.customer.database.begin().await.unwrap();
        let id = tx.publish(&event).unwrap().id;
        tx.commit().await.unwrap();
        settle(&mut [&mut self.customer, &mut self.email]).await;
        id
    }

    async fn created(&mut self, customer_id: CustomerId) -> Uuid {
        let registered_at = self.customer.database.clock.now();
        let (email, name) = (Personal::new("ada@example.com"), Personal::new("Ada"));
        self.publish(CustomerCreated { customer_id, email, name, registered_at }).await
    }

    fn counted(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        Scrape::parse(&self.database.metrics.registry.encode().unwrap()).sum(name, labels)
    }

    async fn mails(&self) -> Vec<(String, i32)> {
        sqlx::query_as("SELECT state, attempt FROM mails ORDER BY created_at")
            .fetch_all(&self.database.pool)
            .await
            .unwrap()
    }

    async fn published(&self) -> Vec<(String, Option<String>, Uuid)> {
        sqlx::query_as("SELECT event_type, data->>'reason', causation_id FROM outbox ORDER BY seq")
            .fetch_all(&self.database.pool)
            .await
            .unwrap()
    }
}

fn customer() -> CustomerId {
    CustomerId(Uuid::now_v7())
}

#[tokio::test]
async fn a_mail_that_the_server_takes_is_sent_once_and_said_so_once() {
    let mut stage = Stage::new().await;
    let (cause, mailer) = (stage.created(customer()).await, FakeMailer::default());
    let mut sender = stage.sender(&mailer);
    assert!(sender.send_one().await.unwrap());
    assert!(!sender.send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("sent".to_owned(), 1)]);
    assert_eq!(stage.published().await, [("welcome_email_sent".to_owned(), None, cause)]);
    let [mail] = &mailer.given()[..] else { panic!("not one mail") };
    assert!(mail.contains(&format!("Message-ID: <welcome.{cause}@pasdetrois.example>")), "{mail}");
    assert!(mail.contains("multipart/alternative") && mail.contains("text/html"), "{mail}");
}

#[tokio::test]
async fn a_refused_address_is_said_to_have_failed() {
    let mut stage = Stage::new().await;
    let cause = stage.created(customer()).await;
    let mailer = FakeMailer::new([DeliveryResult::Refused("550 5.1.1 ada@example.com?".into())]);
    assert!(stage.sender(&mailer).send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("refused".to_owned(), 1)]);
    assert_eq!(stage.published().await, [("welcome_email_failed".to_owned(), Some("refused".to_owned()), cause)]);
}

#[tokio::test]
async fn what_is_no_verdict_on_the_address_is_kept_and_tried_again_later() {
    let mut stage = Stage::new().await;
    stage.created(customer()).await;
    let verdicts =
        [DeliveryResult::Later("451".into()), DeliveryResult::Misconfigured("535 5.7.8 bad password".into())];
    let mailer = FakeMailer::new(verdicts);
    let mut sender = stage.sender(&mailer);
    assert!(sender.send_one().await.unwrap());
    assert!(!sender.send_one().await.unwrap(), "not at once");
    stage.database.clock.advance(SignedDuration::from_secs(2));
    assert!(sender.send_one().await.unwrap());
    stage.database.clock.advance(SignedDuration::from_secs(5));
    assert!(!sender.send_one().await.unwrap(), "slowly where only the operator can help");
    assert_eq!(stage.mails().await, [("queued".to_owned(), 2)]);
    assert!(stage.published().await.is_empty());
    stage.database.clock.advance(SignedDuration::from_mins(1));
    assert!(sender.send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("sent".to_owned(), 3)]);
}

#[tokio::test]
async fn a_mail_that_could_not_be_delivered_for_three_days_has_failed() {
    let mut stage = Stage::new().await;
    let cause = stage.created(customer()).await;
    stage.database.clock.advance(SignedDuration::from_hours(72));
    let mailer = FakeMailer::default();
    assert!(stage.sender(&mailer).send_one().await.unwrap());
    assert!(mailer.given().is_empty());
    assert_eq!(stage.mails().await, [("expired".to_owned(), 1)]);
    assert_eq!(stage.published().await, [("welcome_email_failed".to_owned(), Some("expired".to_owned()), cause)]);
}

/// The server has heard the final dot and says nothing: all copies bear one id, and there is no fourth.
#[tokio::test]
async fn a_mail_that_was_perhaps_accepted_is_repeated_rarely_and_only_so_often() {
    let mut stage = Stage::new().await;
    stage.created(customer()).await;
    let mailer = FakeMailer::new([(); 9].map(|()| DeliveryResult::Perhaps("no answer".into())));
    let mut sender = stage.sender(&mailer);
    for (wait, goes_out) in [(0, true), (3, false), (4, true), (60, false), (800, true), (86400, false)] {
        stage.database.clock.advance(SignedDuration::from_secs(wait));
        assert_eq!(sender.send_one().await.unwrap(), goes_out, "after {wait} s");
    }
    assert_eq!(stage.mails().await, [("sent".to_owned(), 3)]);
    let id = |mail: &String| mail.lines().find(|line| line.starts_with("Message-ID")).map(str::to_owned);
    let ids: Vec<_> = mailer.given().iter().map(id).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| id.is_some() && *id == ids[0]), "{ids:?}");
}

/// A wrong password over a long weekend deactivates nobody.
#[tokio::test]
async fn only_time_in_which_the_server_is_willing_counts_against_a_mail() {
    for (verdict, expected) in [
        (DeliveryResult::Misconfigured("535 5.7.8 bad password".into()), "sent"),
        (DeliveryResult::Unreachable("connection refused".into()), "sent"),
        (DeliveryResult::Later("451 4.7.1 greylisted".into()), "expired"),
    ] {
        let mut stage = Stage::new().await;
        stage.created(customer()).await;
        let mailer = FakeMailer::new(vec![verdict; 800]);
        let mut sender = stage.sender(&mailer);
        let end = stage.database.clock.now() + SignedDuration::from_hours(96);
        while stage.database.clock.now() < end {
            stage.database.clock.advance(SignedDuration::from_mins(12));
            sender.send_one().await.unwrap();
        }
        // The server is well again.
        stage.database.clock.advance(SignedDuration::from_mins(15));
        let mut sender = stage.sender(&FakeMailer::default());
        sender.send_one().await.unwrap();
        assert_eq!(stage.mails().await[0].0, expected);
    }
}

#[tokio::test]
async fn a_customer_who_is_written_to_no_more_gets_no_mail_whatever_came_first() {
    let mut stage = Stage::new().await;
    let id = customer();
    let now = stage.customer.database.clock.now();
    let reason = DeactivationReason::EmailRefused;
    stage.publish(CustomerDeactivated { customer_id: id, reason, deactivated_at: now }).await;
    stage.created(id).await;
    assert_eq!(stage.mails().await, [("cancelled".to_owned(), 0)]);
    assert!(!stage.sender(&FakeMailer::default()).send_one().await.unwrap());
}

#[tokio::test]
async fn a_mail_that_makes_the_sender_panic_is_kept_and_its_neighbours_go_on() {
    let mut stage = Stage::new().await;
    stage.created(customer()).await;
    stage.created(customer()).await;
    let mut sender = stage.sender(&FakeMailer::slow(async { panic!("a library's panic") }));
    assert!(sender.send_one().await.unwrap());
    assert!(sender.send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("queued".to_owned(), 1), ("sent".to_owned(), 1)]);
}

#[tokio::test]
async fn a_sender_that_lost_its_lease_publishes_nothing() {
    let mut stage = Stage::new().await;
    stage.created(customer()).await;
    // The first sender's server takes so long that the lease ends, and another sender delivers the mail meanwhile.
    let (second, clock) = (FakeMailer::default(), stage.database.clock.clone());
    let mut other = stage.sender(&second);
    let meanwhile = async move {
        clock.advance(SignedDuration::from_secs(61));
        assert!(other.send_one().await.unwrap());
    };
    let first = FakeMailer::slow(meanwhile);
    assert!(stage.sender(&first).send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("sent".to_owned(), 2)]);
    assert_eq!(stage.published().await.len(), 1);
    assert_eq!(stage.counted("mail_sent_total", &[]), Some(1.0));
    assert_eq!((first.given().len(), second.given().len()), (1, 1));
}

#[tokio::test]
async fn what_became_of_mails_is_counted_and_what_is_queued_is_sampled() {
    let mut stage = Stage::new().await;
    for _ in 0..5 {
        stage.created(customer()).await;
    }
    let verdicts = [
        DeliveryResult::Refused("550 5.1.1".into()),
        DeliveryResult::Later("451".into()),
        DeliveryResult::Misconfigured("535".into()),
        DeliveryResult::Accepted,
    ];
    let mut sender = stage.sender(&FakeMailer::new(verdicts));
    for _ in 0..4 {
        assert!(sender.send_one().await.unwrap());
    }
    stage.database.clock.advance(SignedDuration::from_hours(1));
    Collector::new(stage.database.clone(), Health::default()).collect_all().await;
    for (name, value) in [
        ("mail_sent_total", 1.0),
        ("mail_refused_total", 1.0),
        ("mail_expired_total", 0.0),
        ("mail_queue_messages", 3.0),
        ("mail_queue_oldest_seconds", 3600.0),
    ] {
        assert_eq!(stage.counted(name, &[]), Some(value), "{name}");
    }
    for reason in ["later", "misconfigured"] {
        assert_eq!(stage.counted("mail_retried_total", &[("reason", reason)]), Some(1.0), "{reason}");
    }
    stage.database.clock.advance(SignedDuration::from_hours(72));
    assert!(sender.send_one().await.unwrap());
    assert_eq!(stage.counted("mail_expired_total", &[]), Some(1.0));
}

#[tokio::test]
async fn a_deactivated_customer_gets_no_more_mail() {
    let mut stage = Stage::new().await;
    let ada = customer();
    stage.created(ada).await;
    let (reason, deactivated_at) = (DeactivationReason::EmailExpired, stage.database.clock.now());
    stage.publish(CustomerDeactivated { customer_id: ada, reason, deactivated_at }).await;
    let mailer = FakeMailer::default();
    assert!(!stage.sender(&mailer).send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("cancelled".to_owned(), 0)]);
}

#[tokio::test]
async fn an_event_that_comes_again_after_the_inbox_was_purged_mails_nobody() {
    let mut stage = Stage::new().await;
    stage.created(customer()).await;
    let mailer = FakeMailer::default();
    assert!(stage.sender(&mailer).send_one().await.unwrap());
    sqlx::query("DELETE FROM inbox").execute(&stage.database.pool).await.unwrap();
    sqlx::query("UPDATE outbox SET published_at = NULL").execute(&stage.customer.database.pool).await.unwrap();
    settle(&mut [&mut stage.customer, &mut stage.email]).await;
    assert!(!stage.sender(&mailer).send_one().await.unwrap());
    assert_eq!(mailer.given().len(), 1);
}

#[tokio::test]
async fn a_muted_mail_is_never_sent() {
    let mut stage = Stage::new().await;
    // So that the registration is known by the replay only.
    stage.bus.unbind(email::SERVICE.name);
    stage.created(customer()).await;
    stage.replay(true).await;
    let mailer = FakeMailer::default();
    let mut sender = stage.sender(&mailer);
    assert!(!sender.send_one().await.unwrap());
    // Its row stays, so a replay that is not muted does not make up for it, even if the inbox has forgotten the event.
    sqlx::query("DELETE FROM inbox").execute(&stage.database.pool).await.unwrap();
    stage.replay(false).await;
    assert!(!sender.send_one().await.unwrap());
    assert!(mailer.given().is_empty());
    assert_eq!(stage.mails().await, [("muted".to_owned(), 0)]);
    assert!(stage.published().await.is_empty());
}
