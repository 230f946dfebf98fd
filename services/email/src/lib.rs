//! Sends the welcome mail, and says what came of it.
//!
//! | in | out |
//! | --- | --- |
//! | `customer_created` ([`welcome`]) | a queued mail; then, from the [`sender`], |
//! | the SMTP server's yes | `welcome_email_sent` |
//! | its no to the address, said twice, or three days without a yes | `welcome_email_failed` |
//! | `customer_deactivated` ([`welcome`]) | no more mail to that customer |

use std::sync::Arc;

use contracts::{
    ServiceInfo,
    events::{
        self,
        customer::{CustomerCreated, CustomerDeactivated},
    },
};
use messaging::{database::Database, handler::Handlers, worker};
use service::{Service, http::MAX_BODY};
use sqlx::migrate::Migrator;
use tokio::sync::Notify;

pub mod breaker;
mod config;
mod http;
pub mod mailer;
pub mod metrics;
pub mod sender;
mod store;
mod templates;
pub mod welcome;

use breaker::Breaker;
pub use config::EmailConfig;
use mailer::{Mailer, smtp::Smtp};
use metrics::MailMetrics;
use sender::Sender;

/// Its name, its ports and its role.
pub const SERVICE: ServiceInfo = contracts::services::EMAIL;
/// Its own tables.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/email");

/// How many mails are on their way at once, each on a connection of its own.
const SENDERS: [&str; 4] = ["sender 1", "sender 2", "sender 3", "sender 4"];

/// What this service reacts to; `queued` wakes the senders.
pub fn handlers(config: &EmailConfig, queued: &Arc<Notify>) -> Handlers {
    let domain = config.mail_from.email.domain().to_owned();
    Handlers::new()
        .on::<CustomerCreated>(welcome::Queue { domain, queued: queued.clone() })
        .on::<CustomerDeactivated>(welcome::Stop)
}

/// The service on `database`. Fails if a setting is wrong.
pub fn service(database: &Database, config: &EmailConfig) -> anyhow::Result<Service> {
    let smtp = Smtp::new(&config.smtp_url)?;
    let queued = Arc::<Notify>::default();
    let (http, openapi) = http::api(database.for_requests());
    let metrics = MailMetrics::register(database);
    let sender = |part| {
        let mailer = Mailer::Smtp(Box::new(smtp.clone()));
        let (database, queued) = (database.clone(), queued.clone());
        (part, worker::task(Sender::new(part, database, mailer, config, queued, metrics.clone())))
    };
    let breaker = Breaker::new(database.clone(), metrics.clone());
    let mut tasks = vec![(breaker::PART, worker::task(breaker))];
    tasks.extend(SENDERS.map(sender));
    Ok(Service {
        name: SERVICE.name,
        publishes: events::email::ALL,
        handlers: handlers(config, &queued),
        migrations: &MIGRATIONS,
        http,
        openapi,
        max_body: MAX_BODY,
        tasks,
    })
}
