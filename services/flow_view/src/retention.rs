//! Forgets flows that ended long ago. One that has not come to its end stays, however old.

use std::time::Duration;

use jiff::SignedDuration;
use messaging::{database::Database, failure::Failure};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

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
}

impl Retention {
    /// Keeps flows for `days`.
    pub fn new(database: Database, days: u32) -> Self {
        Self { database, days }
    }

    /// Until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let rounds = async {
            loop {
                match self.round().await {
                    Ok(0) => {}
                    Ok(count) => info!(count, "forgot flows that are older than the retention"),
                    Err(error) => warn!(class = Failure::from(error).class(), "can't forget old flows: trying again"),
                }
                tokio::time::sleep(INTERVAL).await;
            }
        };
        shutdown.run_until_cancelled(rounds).await;
    }

    /// Forgets all that is old, batch by batch; gives how many flows.
    pub async fn round(&self) -> Result<u64, sqlx::Error> {
        let mut count = 0;
        loop {
            let mut tx = self.database.begin().await?;
            let old = tx.now() - SignedDuration::from_hours(24 * i64::from(self.days));
            let forgotten = flows::forget(tx.sql(), old, BATCH).await?;
            tx.commit().await?;
            if forgotten == 0 {
                return Ok(count);
            }
            count += forgotten;
            tokio::time::sleep(REST).await;
        }
    }
}
