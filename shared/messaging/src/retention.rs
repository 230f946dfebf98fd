//! What is kept for how long, and the purge of what is older: in small batches, with rests, so that traffic does not feel
//! it.
//!
//! An inbox row must outlive the event in its owner's history: otherwise a catch-up would repeat the effect. Effects have
//! unique keys of their own that are never purged, but that is the second line of defence.

use std::time::Duration;

use jiff::SignedDuration;
use sqlx::query;
use tracing::info;

use crate::{
    database::Database,
    worker::{Next, TurnFailed, Worker},
};

/// How many rows one transaction deletes at most.
const BATCH: i64 = 1000;
/// The rest between two batches.
const REST: Duration = Duration::from_millis(50);
/// How often the purge looks for what has become old.
const INTERVAL: Duration = Duration::from_mins(10);

/// For how many days what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// For how many days published events stay in the outbox: so far back `fleet republish` can go.
    pub outbox_days: u32,
    /// For how many days the inbox remembers an event; at least as long as histories keep it.
    pub inbox_days: u32,
    /// For how many days the broker keeps a service's history. One number for the whole fleet.
    pub history_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { outbox_days: 7, inbox_days: 90, history_days: 30 }
    }
}

/// An inbox that forgets what a history still tells.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "INBOX_DAYS ({inbox_days}) is less than HISTORY_DAYS ({history_days}): a catch-up would repeat effects that the \
     inbox has forgotten"
)]
pub struct ForgetsTooSoon {
    inbox_days: u32,
    history_days: u32,
}

impl Retention {
    /// Fails unless the inbox remembers for as long as histories tell.
    pub fn check(&self) -> Result<(), ForgetsTooSoon> {
        let Self { inbox_days, history_days, .. } = *self;
        if inbox_days >= history_days { Ok(()) } else { Err(ForgetsTooSoon { inbox_days, history_days }) }
    }
}

/// Deletes what is old enough.
pub struct Purge {
    database: Database,
    retention: Retention,
    /// The outbox was looked through up to here in this round.
    outbox_seq: i64,
    /// So many rows in this round.
    purged: u64,
}

/// What one batch did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purged {
    /// So many rows; there may be more.
    Rows(u64),
    /// There is nothing old any more.
    Nothing,
}

impl Purge {
    /// A purge of the tables of messaging in `database`.
    pub fn new(database: Database, retention: Retention) -> Self {
        Self { database, retention, outbox_seq: 0, purged: 0 }
    }

    /// One batch of whatever is old. The step that tests drive.
    pub async fn step(&mut self) -> Result<Purged, sqlx::Error> {
        if let Some(rows) = self.purge_outbox().await? {
            return Ok(Purged::Rows(rows));
        }
        let mut rows = self.purge_parked().await?;
        if rows == 0 {
            rows = self.purge_inbox().await?;
        }
        if rows > 0 {
            return Ok(Purged::Rows(rows));
        }
        self.outbox_seq = 0;
        Ok(Purged::Nothing)
    }

    /// What is resolved goes with its inbox row; the audit trail stays.
    async fn purge_parked(&self) -> Result<u64, sqlx::Error> {
        let mut tx = self.database.begin().await?;
        let deleted = query!(
            "DELETE FROM parked WHERE event_id IN (SELECT event_id FROM parked WHERE resolved_at < $1 LIMIT $2)",
            self.older_than(self.retention.inbox_days) as _,
            BATCH,
        )
        .execute(tx.sql())
        .await?;
        tx.commit().await?;
        Ok(deleted.rows_affected())
    }

    async fn purge_inbox(&self) -> Result<u64, sqlx::Error> {
        let mut tx = self.database.begin().await?;
        let deleted = query!(
            "DELETE FROM inbox WHERE event_id IN (
                 SELECT event_id FROM inbox WHERE received_at < $1
                   AND NOT EXISTS (SELECT FROM parked WHERE parked.event_id = inbox.event_id)
                 ORDER BY received_at LIMIT $2)",
            self.older_than(self.retention.inbox_days) as _,
            BATCH,
        )
        .execute(tx.sql())
        .await?;
        tx.commit().await?;
        Ok(deleted.rows_affected())
    }

    /// In the order of the outbox, without an index of its own that every publishing would have to keep; what is not
    /// published stays, however old. `None` when the rest is younger.
    async fn purge_outbox(&mut self) -> Result<Option<u64>, sqlx::Error> {
        let old = self.older_than(self.retention.outbox_days);
        let mut tx = self.database.begin().await?;
        let page = query!(
            "SELECT max(seq) AS last, min(recorded_at) AS oldest
             FROM (SELECT seq, recorded_at FROM outbox WHERE seq > $1 ORDER BY seq LIMIT $2) AS page",
            self.outbox_seq,
            BATCH,
        )
        .fetch_one(tx.sql())
        .await?;
        let (Some(last), Some(oldest)) = (page.last, page.oldest) else { return Ok(None) };
        if oldest.to_jiff() >= old.to_jiff() {
            return Ok(None);
        }
        let deleted = query!(
            "DELETE FROM outbox WHERE seq > $1 AND seq <= $2 AND published_at < $3",
            self.outbox_seq,
            last,
            old as _,
        )
        .execute(tx.sql())
        .await?;
        tx.commit().await?;
        self.outbox_seq = last;
        Ok(Some(deleted.rows_affected()))
    }

    fn older_than(&self, days: u32) -> jiff_sqlx::Timestamp {
        (self.database.clock.now() - SignedDuration::from_hours(24 * i64::from(days))).into()
    }
}

impl Worker for Purge {
    fn part(&self) -> &'static str {
        "purge"
    }

    fn trouble(&self) -> &'static str {
        "what is older than the retention can't be purged"
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        let Purged::Rows(rows) = self.step().await? else {
            let purged = std::mem::take(&mut self.purged);
            if purged > 0 {
                info!(rows = purged, "purged what is older than the retention");
            }
            return Ok(Next::Within(INTERVAL));
        };
        self.purged += rows;
        Ok(Next::Within(REST))
    }
}
