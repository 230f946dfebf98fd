//! What this service counts besides what all do: mails.

use messaging::database::Database;
use metrics::{Counter, Gauge, Labeled};

use crate::store;

/// What became of mails, as the senders count it after each commit.
#[derive(Clone, Debug)]
pub struct MailMetrics {
    pub(crate) sent: Counter,
    pub(crate) refused: Counter,
    pub(crate) expired: Counter,
    pub(crate) retried: Labeled<Counter>,
    pub(crate) breaker_open: Gauge,
}

impl MailMetrics {
    /// Counts in `registry`, and has the queue sampled.
    pub fn register(database: &Database) -> Self {
        let registry = &database.metrics.registry;
        sample_queue(database);
        let retried = registry.counters(
            "mail_retried_total",
            ["reason"],
            "Attempts after which a mail was kept to be tried again: `later` if the mail server said so, `unreachable` if \
             it did not answer, `perhaps` if it did not answer to the end of the mail, `refused` if it refuses an address, \
             which is asked for once more, `misconfigured` if it refuses all our mail (a wrong password, a policy)",
        );
        for reason in ["later", "unreachable", "perhaps", "refused", "misconfigured"] {
            retried.of([reason]);
        }
        let help = "Mails that could not be delivered while they were valid";
        let open = "Whether all mail is kept because the mail server rejects most of it: 1, or 0";
        Self {
            sent: registry.counter("mail_sent_total", "Mails that the mail server accepted"),
            refused: registry.counter("mail_refused_total", "Mails whose address the mail server refused for good"),
            expired: registry.counter("mail_expired_total", help),
            retried,
            breaker_open: registry.gauge("mail_breaker_open", open),
        }
    }
}

fn sample_queue(database: &Database) {
    let (registry, pool, clock) = (&database.metrics.registry, database.pool.clone(), database.clock.clone());
    let messages = registry.gauge("mail_queue_messages", "Mails that are queued or on their way; sampled");
    let help = "How long ago the oldest of them was queued, 0 if there is none; sampled";
    let oldest = registry.gauge("mail_queue_oldest_seconds", help);
    registry.sample(move || {
        let (messages, oldest) = (messages.clone(), oldest.clone());
        let (pool, clock) = (pool.clone(), clock.clone());
        async move {
            let (mails, since) = store::queue_depth(&pool).await?;
            messages.set_count(mails);
            oldest.set_age(since, clock.now());
            Ok::<_, sqlx::Error>(())
        }
    });
}
