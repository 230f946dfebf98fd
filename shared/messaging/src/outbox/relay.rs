//! The relay: claims committed events, publishes them, marks what the broker confirmed.
//!
//! A row is eligible only while no earlier row of its subject is unpublished, so several relays keep the order per subject,
//! a row that commits late is never skipped, and a refusal in mid-batch can't let a later event of that subject pass.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::value::RawValue;
use sqlx::{PgConnection, query, query_as, types::Json};
use tokio::sync::Notify;
use tracing::warn;
use uuid::Uuid;

use crate::{
    bus::{BusError, Publisher},
    database::Database,
    failpoint::{Failpoint, hit},
    health::{Condition, Health},
    log::log_hop,
    outbox,
    worker::{Next, TurnFailed, Worker},
};

mod outgoing;

use outgoing::{OutgoingMessage, Row};

/// How many rows one batch has, and so how many confirms are in flight.
const BATCH: usize = 500;
/// How often the relay looks for rows that nobody in this process has announced.
const SLOW_POLL: Duration = Duration::from_secs(1);
/// How long a row rests that the broker did not take, at first and at most.
const REST: (f64, f64) = (0.25, 60.0);

/// What became of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How many rows were claimed.
    pub claimed: usize,
    /// How many of them the broker confirmed.
    pub published: usize,
}

/// Why a batch could not be finished; its rows stay unpublished.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The database's fault.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The bus's.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A stored event can't be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Publishes what the service's outbox holds.
pub struct Relay {
    database: Database,
    publisher: Box<dyn Publisher>,
    /// Batches left that publish one row each, to find the row that made the broker close the channel.
    alone: usize,
    blocked: bool,
}

impl Relay {
    /// A relay from `database` to `publisher`.
    pub fn new(database: Database, publisher: Box<dyn Publisher>, health: &Health) -> Self {
        // Here and not when it runs: until then the service must not look ready.
        health.set("relay", Condition::Down("not connected to the broker yet".into()));
        Self { database, publisher, alone: 0, blocked: false }
    }

    /// Publishes until nothing is eligible: the step that tests drive.
    pub async fn drain(&mut self) -> Result<usize, RelayError> {
        let mut published = 0;
        loop {
            let batch = self.publish_batch().await?;
            published += batch.published;
            if batch.published == 0 {
                return Ok(published);
            }
        }
    }

    /// One batch: claim, publish, mark.
    pub async fn publish_batch(&mut self) -> Result<Batch, RelayError> {
        let prepared = self.publisher.prepare().await;
        self.database.metrics.broker.publisher.set_state(prepared.is_ok(), self.publisher.reconnects());
        prepared?;
        if self.wait_out_alarm() {
            return Ok(Batch { claimed: 0, published: 0 });
        }
        let limit = if self.alone > 0 { 1 } else { BATCH };
        let mut transaction = self.database.begin().await?;
        if !outbox::may_claim(transaction.sql()).await? {
            return Ok(Batch { claimed: 0, published: 0 });
        }
        let rows = claim(transaction.sql(), self.database.clock.now(), limit).await?;
        if rows.is_empty() {
            self.alone = 0;
            return Ok(Batch { claimed: 0, published: 0 });
        }
        hit(Failpoint::Claimed).await;
        let outgoing =
            rows.iter().map(|row| OutgoingMessage::new(row, self.database.service)).collect::<Result<Vec<_>, _>>()?;
        let confirmed = self.publish(&outgoing).await?;
        hit(Failpoint::Confirmed).await;
        mark(transaction.sql(), &self.database, &rows, &confirmed).await?;
        hit(Failpoint::Marked).await;
        transaction.commit().await?;
        hit(Failpoint::Committed).await;
        for sent in outgoing.iter().filter(|sent| confirmed.contains(&sent.meta.id)) {
            self.database.metrics.outbox.published(&sent.meta);
            sent.span.in_scope(|| log_hop("event published", &sent.meta, sent.meta.id));
        }
        Ok(Batch { claimed: rows.len(), published: confirmed.len() })
    }

    /// Publishes the claimed rows. If the broker closes the channel over a batch, the next batches have one row each; if
    /// it does so over a single row, that row is the culprit and rests like one that was refused.
    async fn publish(&mut self, outgoing: &[OutgoingMessage]) -> Result<HashSet<Uuid>, BusError> {
        let begun = Instant::now();
        let result = self.publisher.publish(outgoing.iter().map(|sent| sent.message.clone()).collect()).await;
        let confirmed = result.as_ref().map(HashSet::len).ok();
        self.database.metrics.outbox.answered(outgoing.len(), confirmed, begun.elapsed());
        match result {
            Err(BusError::Refused(_)) if outgoing.len() > 1 => {
                self.alone = outgoing.len();
                result
            }
            Err(BusError::Refused(reason)) => {
                warn!(event_id = %outgoing[0].meta.id, reason, "the broker refuses an event: it rests");
                self.alone = self.alone.saturating_sub(1);
                Ok(HashSet::new())
            }
            Err(_) => result,
            Ok(confirmed) => {
                self.alone = self.alone.saturating_sub(1);
                Ok(confirmed)
            }
        }
    }

    /// While the broker takes nothing, nothing is claimed: no transaction idles through an alarm.
    fn wait_out_alarm(&mut self) -> bool {
        self.blocked = self.publisher.is_blocked();
        self.database.metrics.broker.blocked.set(u8::from(self.blocked));
        self.blocked
    }
}

impl Worker for Relay {
    fn part(&self) -> &'static str {
        "relay"
    }

    fn trouble(&self) -> &'static str {
        "the relay can't publish: events wait in the outbox"
    }

    fn is_vital(&self) -> bool {
        true
    }

    /// The broker's time limits and the database's together.
    fn limit(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn wake_up(&self) -> Option<Arc<Notify>> {
        Some(self.database.wake_ups.relay.clone())
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        let batch = self.publish_batch().await?;
        if self.blocked {
            return Err(TurnFailed("the broker blocks publishers (a memory or disk alarm)".into()));
        }
        Ok(if batch.published > 0 { Next::Now } else { Next::Within(SLOW_POLL) })
    }

    /// What is under way on the channel may be confirmed late: nobody listens any more.
    fn abandon(&mut self) {
        self.publisher.abandon();
    }
}

impl From<RelayError> for TurnFailed {
    fn from(error: RelayError) -> Self {
        match error {
            RelayError::Database(error) => error.into(),
            other => Self(other.to_string()),
        }
    }
}

/// The rows that may be sent now, at most one of each subject, in the order of the outbox.
///
/// The subquery asks for the first unpublished row of the subject: one look into `outbox_unpublished_by_subject` for each row,
/// however large the outbox. (As NOT EXISTS it may become an anti-join over the whole backlog.)
async fn claim(sql: &mut PgConnection, now: jiff::Timestamp, limit: usize) -> Result<Vec<Row>, sqlx::Error> {
    query_as!(
        Row,
        r#"SELECT seq, event_id, event_type, version, subject, correlation_id, causation_id, recorded_at, traceparent,
                  tracestate, data AS "data: Json<Box<RawValue>>"
           FROM outbox AS claimed
           WHERE published_at IS NULL
             AND (next_attempt_at IS NULL OR next_attempt_at <= $1)
             AND seq = (SELECT min(first.seq) FROM outbox AS first
                        WHERE first.subject = claimed.subject AND first.published_at IS NULL)
           ORDER BY seq
           LIMIT $2
           FOR UPDATE SKIP LOCKED"#,
        jiff_sqlx::Timestamp::from(now) as _,
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(sql)
    .await
}

/// Marks what was confirmed; the rest stays and rests, longer each time.
async fn mark(
    sql: &mut PgConnection,
    database: &Database,
    rows: &[Row],
    confirmed: &HashSet<Uuid>,
) -> Result<(), sqlx::Error> {
    let (published, refused): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| confirmed.contains(&row.event_id));
    let seqs = |rows: Vec<&Row>| rows.into_iter().map(|row| row.seq).collect::<Vec<_>>();
    let now = jiff_sqlx::Timestamp::from(database.clock.now());
    if !published.is_empty() {
        query!("UPDATE outbox SET published_at = $2 WHERE seq = ANY($1)", &seqs(published), now as _)
            .execute(&mut *sql)
            .await?;
    }
    if !refused.is_empty() {
        query!(
            "UPDATE outbox SET attempts = attempts + 1,
                    next_attempt_at = $2::timestamptz
                        + make_interval(secs => least($4, $3::float8 * 2.0 ^ least(attempts, 20)))
             WHERE seq = ANY($1)",
            &seqs(refused),
            now as _,
            REST.0,
            REST.1,
        )
        .execute(sql)
        .await?;
    }
    Ok(())
}
