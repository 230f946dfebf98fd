//! Delivers queued mails: leases one, talks to the mail server without any transaction, then marks it and publishes what
//! came of it in one.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use jiff::SignedDuration;
use lettre::message::Mailbox;
use messaging::{
    database::Database,
    worker::{Next, TurnFailed, Worker},
};
use tokio::{sync::Notify, time::sleep};
use tracing::{Instrument, Span, info};

use crate::{
    config::EmailConfig,
    mailer::{DeliveryResult, Mailer},
    metrics::MailMetrics,
    store::{
        breaker::Rules,
        lease::{self, Leased},
    },
    templates,
};

mod outcome;
mod span;

use outcome::Outcomes;
use span::delivery_span;

/// How long a mail belongs to one sender, who renews it while the delivery lasts.
const LEASE: SignedDuration = SignedDuration::from_mins(1);
/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(15);
/// How long a delivery may last: every time limit of RFC 5321 together.
const DELIVERY: Duration = Duration::from_mins(45);
/// How often a sender looks for mails that nobody has announced: retries, and those of replicas that died.
const SLOW_POLL: Duration = Duration::from_millis(500);

/// Sends queued mails, one at a time. Several may run side by side.
pub struct Sender {
    part: &'static str,
    mailer: Mailer,
    from: Mailbox,
    outcomes: Outcomes,
    renew: Duration,
    queued: Arc<Notify>,
}

impl Sender {
    /// A sender, by the name `part`, of what is queued in `database`, as `config` says; `queued` wakes it.
    pub fn new(
        part: &'static str,
        database: Database,
        mailer: Mailer,
        config: &EmailConfig,
        queued: Arc<Notify>,
        metrics: MailMetrics,
    ) -> Self {
        let (from, copies) = (config.mail_from.clone(), config.mail_copies);
        let rest = SignedDuration::from_secs(config.mail_breaker_rest_seconds.into());
        let rules = Rules { rejections: config.mail_breaker_rejections, rest };
        Self { part, mailer, from, outcomes: Outcomes { database, metrics, copies, rules }, renew: RENEW, queued }
    }

    /// The same, which renews the lease of a mail so often.
    #[must_use]
    pub fn renewing(self, renew: Duration) -> Self {
        Self { renew, ..self }
    }

    /// Sends the mail that is due longest; `false` if none is due.
    pub async fn send_one(&mut self) -> Result<bool, sqlx::Error> {
        let Outcomes { database, rules, .. } = &self.outcomes;
        let Some(mail) = lease::lease(database, LEASE, rules.rest).await? else { return Ok(false) };
        let span = delivery_span(&mail);
        self.deliver(&mail).instrument(span).await?;
        Ok(true)
    }

    async fn deliver(&mut self, mail: &Leased) -> Result<(), sqlx::Error> {
        if self.outcomes.database.clock.now() >= mail.valid_until {
            return self.outcomes.expired(mail).await;
        }
        let Some(verdict) = self.attempt(mail).await else {
            info!("the mail is not ours to send any more");
            return Ok(());
        };
        Span::current().record("mail.verdict", verdict.name());
        self.outcomes.record(mail, &verdict).await
    }

    /// One delivery, while the lease is renewed. It is broken off, with no verdict, when that can't be: the customer was
    /// deactivated meanwhile, or another sender has the mail. A mail that makes a library panic is ours to fix, and no
    /// other's fault.
    async fn attempt(&mut self, mail: &Leased) -> Option<DeliveryResult> {
        let Self { outcomes, mailer, from, renew, .. } = self;
        let delivery = async {
            match templates::welcome(mail, from) {
                Ok(message) => mailer.deliver(&message).await,
                Err(error) => DeliveryResult::Misconfigured(error.to_string()),
            }
        };
        let mut delivery = Box::pin(AssertUnwindSafe(delivery).catch_unwind());
        loop {
            tokio::select! {
                verdict = &mut delivery => {
                    let panicked = |_| DeliveryResult::Misconfigured("the delivery panicked".into());
                    return Some(verdict.unwrap_or_else(panicked));
                }
                () = sleep(*renew) => {
                    // Where the database is away, the lease may end, and the answer is written down by who has the next.
                    if let Ok(false) = lease::renew(&outcomes.database, mail, LEASE).await {
                        return None;
                    }
                }
            }
        }
    }
}

impl Worker for Sender {
    fn part(&self) -> &'static str {
        self.part
    }

    fn trouble(&self) -> &'static str {
        "mails can't be sent: they stay queued"
    }

    fn limit(&self) -> Duration {
        DELIVERY
    }

    fn wake_up(&self) -> Option<Arc<Notify>> {
        Some(self.queued.clone())
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        if !self.send_one().await? {
            return Ok(Next::Within(SLOW_POLL));
        }
        // Where one was there may be more: wake the next sender.
        self.queued.notify_one();
        Ok(Next::Now)
    }
}
