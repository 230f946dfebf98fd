//! The service on a real Postgres, somebody who plays `customer`, and a mail server that says what a test wants.

use std::sync::Arc;

use contracts::{
    CustomerId, CustomerName, EmailAddress,
    events::{self, customer::CustomerCreated},
};
use email::{
    EmailConfig,
    mailer::{DeliveryResult, FakeMailer, Mailer},
    metrics::MailMetrics,
    sender::Sender,
};
use event::Event;
use messaging::{
    bus::memory::MemoryBus,
    database::Database,
    handler::Handlers,
    history::replay::Plan,
    testing::{self, TestService, settle},
};
use metrics::scrape::Scrape;
use sqlx::migrate::Migrator;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub struct Stage {
    pub bus: MemoryBus,
    pub database: Database,
    pub customer: TestService,
    pub email: TestService,
    pub config: EmailConfig,
}

impl Stage {
    pub async fn new() -> Self {
        let bus = MemoryBus::new();
        let customer = testing::database("customer", &Migrator::with_migrations(Vec::new())).await;
        let customer =
            TestService::start(&customer, &bus, events::customer::ALL, Handlers::new(), testing::settings()).await;
        let database = testing::database(email::SERVICE.name, &email::MIGRATIONS).await;
        let mail_from = "Pas de Trois <welcome@pasdetrois.example>".parse().unwrap();
        let config = EmailConfig {
            smtp_url: "smtp://127.0.0.1:1".into(),
            mail_from,
            mail_copies: 3,
            mail_breaker_rejections: 4,
            mail_breaker_rest_seconds: 60,
        };
        let handlers = email::handlers(&config, &Arc::<Notify>::default());
        let email = TestService::start(&database, &bus, events::email::ALL, handlers, testing::settings()).await;
        email.until_live().await;
        Self { bus, database, customer, email, config }
    }

    /// What a registration means here is told by a replay of the history.
    pub async fn replay(&self, mute: bool) {
        let plan = Plan { owner: "customer", event: None, since: None, mute, dry_run: false };
        let handlers = email::handlers(&self.config, &Arc::<Notify>::default());
        let mut replay = testing::replay(&self.database, &self.bus, handlers, plan).await.unwrap();
        while replay.step(&CancellationToken::new()).await.unwrap() {}
        replay.end().await.unwrap();
    }

    pub fn sender(&self, mailer: &FakeMailer) -> Sender {
        let mailer = Mailer::Fake(mailer.clone());
        let metrics = MailMetrics::register(&self.database);
        Sender::new("sender", self.database.clone(), mailer, &self.config, Arc::default(), metrics)
    }

    pub async fn publish<E: Event>(&mut self, event: E) -> Uuid {
        let mut tx = self.customer.database.begin().await.unwrap();
        let id = tx.publish(&event).unwrap().id;
        tx.commit().await.unwrap();
        settle(&mut [&mut self.customer, &mut self.email]).await;
        id
    }

    pub async fn created(&mut self, customer_id: CustomerId) -> Uuid {
        let registered_at = self.customer.database.clock.now();
        let (email, name) = (EmailAddress::parse("ada@example.com").unwrap(), CustomerName::parse("Ada").unwrap());
        self.publish(CustomerCreated { customer_id, email, name, registered_at }).await
    }

    pub fn counted(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        Scrape::parse(&self.database.metrics.registry.encode().unwrap()).sum(name, labels)
    }

    pub async fn mails(&self) -> Vec<(String, i32)> {
        sqlx::query_as("SELECT state, attempt FROM mails ORDER BY created_at")
            .fetch_all(&self.database.pool)
            .await
            .unwrap()
    }

    pub async fn published(&self) -> Vec<(String, Option<String>, Uuid)> {
        sqlx::query_as("SELECT event_type, data->>'reason', causation_id FROM outbox ORDER BY seq")
            .fetch_all(&self.database.pool)
            .await
            .unwrap()
    }
}

pub fn customer() -> CustomerId {
    CustomerId(Uuid::now_v7())
}

/// A refusal of an address.
pub fn refused() -> DeliveryResult {
    DeliveryResult::Refused("550 5.1.1 no such user".into())
}
