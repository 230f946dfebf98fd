//! What a verdict on a mail comes to: it is settled and said so, or kept for another attempt, in one transaction.

use std::time::Duration;

use contracts::events::email::{FailureReason, WelcomeEmailFailed, WelcomeEmailSent};
use jiff::SignedDuration;
use messaging::{database::Database, unit_of_work::UnitOfWork};
use tracing::{error, info, warn};

use crate::{
    mailer::{
        DeliveryResult,
        verdict::{ASK_AGAIN, delay},
    },
    metrics::MailMetrics,
    store::{
        self,
        breaker::{self, Judgement, Rejection, Rules},
        lease::{self, Leased, Postponed},
    },
};

/// Where verdicts are written down.
pub struct Outcomes {
    pub database: Database,
    pub metrics: MailMetrics,
    /// How often a mail may go out whose acceptance the server has left open.
    pub copies: i32,
    pub rules: Rules,
}

impl Outcomes {
    /// Writes down what `verdict` means for `mail`.
    pub async fn record(&self, mail: &Leased, verdict: &DeliveryResult) -> Result<(), sqlx::Error> {
        let mut tx = self.answer(mail).await?;
        match verdict {
            DeliveryResult::Accepted => {
                let now = tx.now();
                if breaker::accepted(tx.sql(), mail.probe, now).await? {
                    info!("the mail server accepts mails again: what was kept goes out");
                }
                self.sent(tx, mail).await
            }
            // More copies help nobody: it is more likely than not that one was accepted.
            DeliveryResult::Perhaps(_) if mail.perhaps + 1 >= self.copies => self.sent(tx, mail).await,
            DeliveryResult::Refused(reply) => match self.judge(&mut tx, mail, Rejection::Refused).await? {
                Judgement::Believed => self.give_up(tx, mail, FailureReason::Refused, Some(reply)).await,
                Judgement::AskAgain => self.keep(tx, mail, verdict, reply, ASK_AGAIN).await,
                Judgement::Kept { .. } => self.postpone(tx, mail, verdict, reply).await,
            },
            DeliveryResult::Misconfigured(reply) => {
                self.judge(&mut tx, mail, Rejection::Misconfigured).await?;
                self.postpone(tx, mail, verdict, reply).await
            }
            DeliveryResult::Later(reply) | DeliveryResult::Unreachable(reply) | DeliveryResult::Perhaps(reply) => {
                self.postpone(tx, mail, verdict, reply).await
            }
        }
    }

    /// The mail was not delivered while it was valid.
    pub async fn expired(&self, mail: &Leased) -> Result<(), sqlx::Error> {
        self.give_up(self.answer(mail).await?, mail, FailureReason::Expired, None).await
    }

    /// What is published answers the event that the mail answers.
    async fn answer(&self, mail: &Leased) -> Result<UnitOfWork, sqlx::Error> {
        let mut tx = self.database.begin().await?;
        tx.caused_by(mail.cause.clone());
        Ok(tx)
    }

    async fn judge(&self, tx: &mut UnitOfWork, mail: &Leased, kind: Rejection) -> Result<Judgement, sqlx::Error> {
        let now = tx.now();
        let judgement = breaker::judge(tx.sql(), mail.id, kind, self.rules, now).await?;
        if judgement == (Judgement::Kept { opened: true }) {
            error!("the mail server rejects most mails: all are kept until it accepts one");
        }
        Ok(judgement)
    }

    async fn sent(&self, mut tx: UnitOfWork, mail: &Leased) -> Result<(), sqlx::Error> {
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

    async fn give_up(
        &self,
        mut tx: UnitOfWork,
        mail: &Leased,
        reason: FailureReason,
        reply: Option<&str>,
    ) -> Result<(), sqlx::Error> {
        let (state, counter) = match reason {
            FailureReason::Refused => ("refused", &self.metrics.refused),
            FailureReason::Expired => ("expired", &self.metrics.expired),
        };
        let failed_at = tx.now();
        let settled = store::settle(tx.sql(), mail, state, reply, failed_at).await?;
        if settled {
            publish(&mut tx, &WelcomeEmailFailed { customer_id: mail.customer_id, reason, failed_at })?;
        }
        tx.commit().await?;
        counter.inc_by(settled.into());
        Ok(())
    }

    async fn postpone(
        &self,
        tx: UnitOfWork,
        mail: &Leased,
        verdict: &DeliveryResult,
        reply: &str,
    ) -> Result<(), sqlx::Error> {
        let perhaps = mail.perhaps + i32::from(matches!(verdict, DeliveryResult::Perhaps(_)));
        self.keep(tx, mail, verdict, reply, delay(verdict, mail.attempt, perhaps)).await
    }

    async fn keep(
        &self,
        mut tx: UnitOfWork,
        mail: &Leased,
        verdict: &DeliveryResult,
        reply: &str,
        delay: Duration,
    ) -> Result<(), sqlx::Error> {
        let delayed = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
        // Only time in which the server would have taken a mail counts against the customer.
        let unwilling = if verdict.is_unwilling() { delayed } else { SignedDuration::ZERO };
        let perhaps = mail.perhaps + i32::from(matches!(verdict, DeliveryResult::Perhaps(_)));
        let next = tx.now() + delayed;
        lease::postpone(tx.sql(), mail, Postponed { next, unwilling, perhaps, reply }).await?;
        tx.commit().await?;
        self.metrics.retried.of([verdict.name()]).inc();
        let (attempt, seconds) = (mail.attempt, delay.as_secs_f64());
        if let DeliveryResult::Misconfigured(_) = verdict {
            warn!(attempt, next_in_seconds = seconds, "the mail server refuses our mail for a reason of ours");
        } else {
            info!(attempt, next_in_seconds = seconds, "the mail is kept and tried again");
        }
        Ok(())
    }
}

/// Too large or not JSON: neither can happen to these two.
fn publish<E: ::event::Event>(tx: &mut UnitOfWork, event: &E) -> Result<(), sqlx::Error> {
    tx.publish(event).map(drop).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}
