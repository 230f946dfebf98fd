//! Forgets flows that ended long ago. One that has not come to its end stays, however old.

use std::time::Duration;

use jiff::SignedDuration;
use messaging::{
    database::Database,
    worker::{Next, TurnFailed, Worker},
};
use tracing::info;

use crate::store::flows;

/// How many flows one transaction forgets at most.
const BATCH: i64 = 500;
/// The rest between two batches.
const REST: Duration = Duration::from_millis(50);
/// How often it looks for what has become old.
const INTERVAL: Duration = Duration::from_mins(10);

/// The one that forgets.
#[derive(Debug)]
pub struct Retention {
    database: Database,
    days: u32,
    /// So many in this round.
    forgotten: u64,
}

impl Retention {
    /// Keeps flows for `days`.
    pub fn new(database: Database, days: u32) -> Self {
        Self { database, days, forgotten: 0 }
    }

    /// Forgets some of what is old; gives how many flows.
    pub async fn forget_some(&self) -> Result<u64, sqlx::Error> {
        let mut tx = self.database.begin().await?;
        let old = tx.now() - SignedDuration::from_hours(24 * i64::from(self.days));
        let forgotten = flows::forget(tx.sql(), old, BATCH).await?;
        tx.commit().await?;
        Ok(forgotten)
    }
}

impl Worker for Retention {
    fn part(&self) -> &'static str {
        "retention"
    }

    fn trouble(&self) -> &'static str {
        "old flows can't be forgotten"
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        let forgotten = self.forget_some().await?;
        self.forgotten += forgotten;
        if forgotten > 0 {
            return Ok(Next::Within(REST));
        }
        let count = std::mem::take(&mut self.forgotten);
        if count > 0 {
            info!(count, "forgot flows that are older than the retention");
        }
        Ok(Next::Within(INTERVAL))
    }
}
