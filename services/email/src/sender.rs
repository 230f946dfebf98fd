//! Delivers queued mails: leases one, talks to the mail server without any transaction, then marks it and publishes what
//! came of it in one.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use contracts::events::email::{FailureReason, WelcomeEmailFailed, WelcomeEmailSent};
use event::TraceContext;
use futures_util::FutureExt;
use jiff::SignedDuration;
use lettre::message::Mailbox;
use messaging::{
    database::Database,
    unit_of_work::UnitOfWork,
    worker::{Next, TurnFailed, Worker},
};
use tokio::{sync::Notify, time::sleep};
use tracing::{Instrument, Span, field::Empty, info, info_span, warn};

use crate::{
    config::EmailConfig,
    mailer::{DeliveryResult, Mailer, verdict::delay},
    metrics::MailMetrics,
    store::{self, Leased, Postponed},
    templates,
};

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
    database: Database,
    mailer: Mailer,
    from: Mailbox,
    /// How often a mail may go out whose acceptance the server has left open.
    copies: i32,
    queued: Arc<Notify>,
    metrics: MailMetrics,
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
        Self { part, database, mailer, from, copies, queued, metrics }
    }

    /// Sends the mail that is due longest; `false` if none is due.
    pub async fn send_one(&mut self) -> Result<bool, sqlx::Error> {
        let lease_until = self.database.clock.now() + LEASE;
        let Some(mail) = store::lease(&self.database, lease_until).await? else { return Ok(false) };
        let span = delivery_span(&mail);
        self.deliver(&mail).instrument(span).await?;
        Ok(true)
    }

    async fn deliver(&mut self, mail: &Leased) -> Result<(), sqlx::Error> {
        if self.database.clock.now() >= mail.valid_until {
            return self.give_up(mail, FailureReason::Expired, None).await;
        }
        let verdict = self.attempt(mail).await;
        Span::current().record("mail.verdict", name(&verdict));
        match &verdict {
            DeliveryResult::Accepted => self.sent(mail).await,
            DeliveryResult::Refused(reply) => self.give_up(mail, FailureReason::Refused, Some(reply)).await,
            // More copies help nobody: it is more likely than not that one was accepted.
            DeliveryResult::Perhaps(_) if mail.perhaps + 1 >= self.copies => self.sent(mail).await,
            DeliveryResult::Later(reply)
            | DeliveryResult::Unreachable(reply)
            | DeliveryResult::Perhaps(reply)
            | DeliveryResult::Misconfigured(reply) => self.postpone(mail, &verdict, reply).await,
        }
    }

    /// One delivery, while the lease is renewed. A mail that makes a library panic is ours to fix, and no other's fault.
    async fn attempt(&mut self, mail: &Leased) -> DeliveryResult {
        let Self { database, mailer, from, .. } = self;
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
                    return verdict.unwrap_or_else(|_| DeliveryResult::Misconfigured("the delivery panicked".into()));
                }
                () = sleep(RENEW) => {
                    // Where the database is away, the lease may end, and the answer is written down by who has the next.
                    let _ = store::renew(database, mail, database.clock.now() + LEASE).await;
                }
            }
        }
    }

    async fn sent(&self, mail: &Leased) -> Result<(), sqlx::Error> {
        let mut tx = self.answer(mail).await?;
        let sent_at = tx.now();
        let settled = store::settle(tx.sql(), mail, "sent", None, sent_at).await?;
        if settled {
            let (customer_id, message_id) = (mail.customer_id, mail.message_id.clone());
            publish(&mut tx, &WelcomeEmailSent { customer_id, message_id, sent_at })?;
        }
        tx.commit().await?;
        self.metrics.sent.inc_by(settled.into());
        Ok(())
    }

    async fn give_up(&self, mail: &Leased, reason: FailureReason, reply: Option<&str>) -> Result<(), sqlx::Error> {
        let (state, counter) = match reason {
            FailureReason::Refused => ("refused", &self.metrics.refused),
            FailureReason::Expired => ("expired", &self.metrics.expired),
        };
        let mut tx = self.answer(mail).await?;
        let failed_at = tx.now();
        let settled = store::settle(tx.sql(), mail, state, reply, failed_at).await?;
        if settled {
            publish(&mut tx, &WelcomeEmailFailed { customer_id: mail.customer_id, reason, failed_at })?;
        }
        tx.commit().await?;
        counter.inc_by(settled.into());
        Ok(())
    }

    /// What is published answers the event that the mail answers.
    async fn answer(&self, mail: &Leased) -> Result<UnitOfWork, sqlx::Error> {
        let mut tx = self.database.begin().await?;
        tx.caused_by(mail.cause.clone());
        Ok(tx)
    }

    async fn postpone(&self, mail: &Leased, verdict: &DeliveryResult, reply: &str) -> Result<(), sqlx::Error> {
        let perhaps = mail.perhaps + i32::from(matches!(verdict, DeliveryResult::Perhaps(_)));
        let delay = delay(verdict, mail.attempt, perhaps);
        let next = self.database.clock.now() + delay;
        // Only time in which the server would have taken a mail counts against the customer.
        let unwilling = if verdict.is_unwilling() { delay } else { Duration::ZERO };
        let valid_until = mail.valid_until + unwilling;
        store::postpone(&self.database, mail, Postponed { next, valid_until, perhaps, reply }).await?;
        self.metrics.retried.of([name(verdict)]).inc();
        let (attempt, seconds) = (mail.attempt, delay.as_secs_f64());
        if let DeliveryResult::Misconfigured(_) = verdict {
            warn!(attempt, next_in_seconds = seconds, "the mail server refuses our mail for a reason of ours");
        } else {
            info!(attempt, next_in_seconds = seconds, "the mail is kept and tried again");
        }
        Ok(())
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

/// Too large or not JSON: neither can happen to these two.
fn publish<E: ::event::Event>(tx: &mut UnitOfWork, event: &E) -> Result<(), sqlx::Error> {
    tx.publish(event).map(drop).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

fn name(verdict: &DeliveryResult) -> &'static str {
    match verdict {
        DeliveryResult::Accepted => "accepted",
        DeliveryResult::Refused(_) => "refused",
        DeliveryResult::Later(_) => "later",
        DeliveryResult::Unreachable(_) => "unreachable",
        DeliveryResult::Perhaps(_) => "perhaps",
        DeliveryResult::Misconfigured(_) => "misconfigured",
    }
}

/// In the trace of the registration, as the handler that queued the mail left it.
fn delivery_span(mail: &Leased) -> Span {
    let span = info_span!(
        "deliver mail",
        otel.kind = "client",
        mail.id = %mail.id,
        mail.attempt = mail.attempt,
        mail.verdict = Empty,
        event_id = %mail.cause.id,
        event_type = mail.cause.event_type,
        correlation_id = %mail.cause.correlation_id,
        transaction_id = %format_args!("{}.{}", mail.cause.correlation_id, mail.id),
        customer_id = %mail.customer_id,
    );
    let trace: &TraceContext = &mail.trace;
    trace.continue_in(&span);
    span
}
