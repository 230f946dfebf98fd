//! Says what the breaker is: in readiness, as a metric, in the log. What opens and closes it are the senders' verdicts.

use std::time::Duration;

use jiff::Timestamp;
use messaging::{
    database::Database,
    worker::{Next, TurnFailed, Worker},
};

use crate::{metrics::MailMetrics, store::breaker};

/// Its name among the parts of the service.
pub const PART: &str = "mail breaker";
/// How often it looks.
const LOOK: Duration = Duration::from_secs(2);

/// The one that says it; any replica may have opened it.
pub struct Breaker {
    database: Database,
    metrics: MailMetrics,
}

impl Breaker {
    /// The breaker in `database`.
    pub fn new(database: Database, metrics: MailMetrics) -> Self {
        Self { database, metrics }
    }

    /// Since when it is open, if it is.
    pub async fn look(&self) -> Result<Option<Timestamp>, sqlx::Error> {
        let mut tx = self.database.begin().await?;
        let opened_at = breaker::opened_at(tx.sql()).await?;
        self.metrics.breaker_open.set(u8::from(opened_at.is_some()));
        Ok(opened_at)
    }
}

impl Worker for Breaker {
    fn part(&self) -> &'static str {
        PART
    }

    fn trouble(&self) -> &'static str {
        "all mail is kept"
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        match self.look().await? {
            None => Ok(Next::Within(LOOK)),
            Some(since) => Err(TurnFailed(format!(
                "open since {since:.0}: the mail server rejects most mails, so all are kept; one tries from time to time"
            ))),
        }
    }
}
