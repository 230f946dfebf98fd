//! Tries parked messages again: the first unresolved one of each subject, one transaction each.

use std::{sync::Arc, time::Duration};

use sqlx::{query, query_scalar, types::Text};
use tokio::sync::Notify;
use tower::{Service, ServiceExt, service_fn, util::BoxService};
use uuid::Uuid;

use super::{delay, describe, log, note_attempt, state::State};
use crate::{
    database::Database,
    failpoint::{Failpoint, hit},
    failure::{self, Failure},
    handler::Handlers,
    message::{Batch, Outcome, ReceivedMessage},
    middleware::{self, BatchService},
    processing::{handle_in_span, say_handled},
    worker::{Next, TurnFailed, Worker},
};

/// How often the re-driver looks if nothing was parked in this process: a replica may have died.
const SLOW_POLL: Duration = Duration::from_secs(1);

/// How many messages one turn releases at most.
const RELEASE: i64 = 1000;

/// Re-drives the parked messages of one service.
pub struct Redriver {
    database: Database,
    stack: BoxService<Batch, Vec<Outcome>, Failure>,
    time_limit: Duration,
    /// Since the start, until nothing waits for a release any more.
    is_releasing: bool,
}

impl Redriver {
    /// Hands parked messages to `handlers` until they are done, or have been here for `time_limit`: then they are dead.
    pub fn new(database: Database, handlers: Handlers, limits: &middleware::Limits, time_limit: Duration) -> Self {
        let layers = handlers.batch_layers().to_vec();
        let attempt = Attempt { database: database.clone(), handlers };
        let stack = middleware::stack(attempt.service(), limits, &layers);
        Self { database, stack, time_limit, is_releasing: true }
    }

    /// Tries one message that is due; `false` if none is.
    pub async fn redrive_one(&mut self) -> Result<bool, sqlx::Error> {
        let Some(row) = self.take().await? else { return Ok(false) };
        let mut message = ReceivedMessage::stored(row.event_id, row.event_type, row.body);
        message.muted = row.muted;
        let batch = Batch::one(message.clone());
        // The stack is ready at once or becomes so: its only limit is the rate.
        let result = async { self.stack.ready().await?.call(batch).await }.await;
        match result {
            Ok(_) => {}
            Err(Failure::DatabaseUnreachable(error)) => return Err(error),
            Err(failure) => {
                hit(Failpoint::Failed).await;
                self.record(&message, &failure, row.charged).await?;
            }
        }
        Ok(true)
    }

    /// Charges the attempt before it begins, with the delay to the next: should the process die of it, the message comes
    /// back later and later instead of at once for ever, and replicas keep out of each other's way.
    async fn take(&self) -> Result<Option<Taken>, sqlx::Error> {
        let mut tx = self.database.begin().await?;
        let now = tx.now();
        let due = query!(
            "SELECT seq, tries FROM parked AS due
             WHERE (state = 'behind' OR state = 'waiting' AND next_attempt_at <= $1)
               AND (subject IS NULL OR seq = (SELECT min(first.seq) FROM parked AS first
                    WHERE first.subject = due.subject AND first.state IN ('waiting', 'behind', 'dead')))
             ORDER BY next_attempt_at NULLS FIRST, seq
             LIMIT 1
             FOR UPDATE SKIP LOCKED",
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .fetch_optional(tx.sql())
        .await?;
        let Some(due) = due else { return Ok(None) };
        let taken = query!(
            "UPDATE parked SET state = $2, attempts = attempts + 1, tries = tries + 1, next_attempt_at = $3
             WHERE seq = $1
             RETURNING event_id, event_type, body, muted, attempts, tries, tried_since",
            due.seq,
            Text(State::Waiting) as _,
            jiff_sqlx::Timestamp::from(now + delay(due.tries + 1)) as _,
        )
        .fetch_one(tx.sql())
        .await?;
        tx.commit().await?;
        hit(Failpoint::Taken).await;
        let charged =
            Charged { attempts: taken.attempts, tries: taken.tries, tried_since: taken.tried_since.to_jiff() };
        let (event_type, body) = (taken.event_type, taken.body);
        Ok(Some(Taken { event_id: taken.event_id, event_type, body, muted: taken.muted, charged }))
    }

    /// Writes down why the attempt failed; dead if no other can help or the time is over.
    async fn record(
        &self,
        message: &ReceivedMessage,
        failure: &Failure,
        Charged { attempts, tries, tried_since }: Charged,
    ) -> Result<(), sqlx::Error> {
        let mut tx = self.database.begin().await?;
        let age = tx.now().duration_since(tried_since).unsigned_abs();
        let dead = failure.is_permanent() || age > self.time_limit;
        let state = if dead { State::Dead } else { State::Waiting };
        let recorded = query!(
            "UPDATE parked SET reason = $3, error = $4, state = $5,
                    next_attempt_at = CASE WHEN $5 = $6 THEN next_attempt_at END
             WHERE event_id = $1 AND state = $6 AND attempts = $2 AND tries = $7 AND body = $8",
            message.id,
            attempts,
            failure.class(),
            describe(failure),
            Text(state) as _,
            Text(State::Waiting) as _,
            tries,
            &message.body[..],
        )
        .execute(tx.sql())
        .await?;
        note_attempt(&mut tx, message.id, attempts, failure).await?;
        tx.commit().await?;
        hit(Failpoint::Committed).await;
        // An operator may have corrected, retried or discarded it meanwhile: then this attempt is history.
        if recorded.rows_affected() == 1 {
            log(dead, message, failure.class(), attempts);
        }
        Ok(())
    }

    /// Some of what waited for a release that can handle it is due at once, as this one may be it; gives how many.
    async fn release(&self) -> Result<u64, sqlx::Error> {
        let mut tx = self.database.begin().await?;
        let now = jiff_sqlx::Timestamp::from(tx.now());
        let released = query!(
            "UPDATE parked SET next_attempt_at = $1, tries = 0
             WHERE seq IN (SELECT seq FROM parked
                           WHERE state = 'waiting' AND reason = ANY($2) AND next_attempt_at > $1
                           LIMIT $3 FOR UPDATE SKIP LOCKED)",
            now as _,
            &failure::WAITS_FOR_A_RELEASE.map(str::to_owned),
            RELEASE,
        )
        .execute(tx.sql())
        .await?;
        tx.commit().await?;
        Ok(released.rows_affected())
    }

    /// How long until the next attempt is due, at most [`SLOW_POLL`].
    async fn until_next(&self) -> Result<Duration, sqlx::Error> {
        let next = query_scalar!("SELECT min(next_attempt_at) FROM parked WHERE state = 'waiting'")
            .fetch_one(&self.database.pool)
            .await?;
        let Some(next) = next else { return Ok(SLOW_POLL) };
        let wait = next.to_jiff().duration_since(self.database.clock.now());
        Ok(Duration::try_from(wait).unwrap_or(Duration::ZERO).clamp(Duration::from_millis(10), SLOW_POLL))
    }
}

impl Worker for Redriver {
    fn part(&self) -> &'static str {
        "redriver"
    }

    fn trouble(&self) -> &'static str {
        "parked messages can't be tried again"
    }

    fn wake_up(&self) -> Option<Arc<Notify>> {
        Some(self.database.wake_ups.redriver.clone())
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        if self.is_releasing {
            self.is_releasing = self.release().await? > 0;
            return Ok(Next::Now);
        }
        Ok(if self.redrive_one().await? { Next::Now } else { Next::Within(self.until_next().await?) })
    }
}

struct Taken {
    event_id: Uuid,
    event_type: String,
    body: Vec<u8>,
    muted: bool,
    charged: Charged,
}

/// Which attempt it is: in all, and since when the time limit runs.
#[derive(Clone, Copy)]
struct Charged {
    attempts: i32,
    tries: i32,
    tried_since: jiff::Timestamp,
}

/// The innermost service of the re-driver's stack. Not through the inbox's ON CONFLICT: the message has its row there
/// since it was parked, and would be dropped as a duplicate.
#[derive(Clone)]
struct Attempt {
    database: Database,
    handlers: Handlers,
}

impl Attempt {
    fn service(self) -> impl BatchService {
        service_fn(move |batch| self.clone().handle(batch))
    }

    async fn handle(self, batch: Batch) -> Result<Vec<Outcome>, Failure> {
        let mut tx = self.database.begin().await?;
        let mut outcomes = Vec::with_capacity(batch.messages.len());
        for message in &batch.messages {
            outcomes.push(self.handle_one(&mut tx, message).await?);
        }
        tx.commit().await?;
        hit(Failpoint::Committed).await;
        for (message, outcome) in batch.messages.iter().zip(&outcomes) {
            if let (Some(meta), Outcome::Handled { local, took }) = (message.meta(), outcome) {
                message.span.in_scope(|| say_handled(&self.database, &meta, *local, *took));
            }
        }
        Ok(outcomes)
    }

    async fn handle_one(
        &self,
        tx: &mut crate::unit_of_work::UnitOfWork,
        message: &ReceivedMessage,
    ) -> Result<Outcome, Failure> {
        // The body as well: an operator may have corrected it since it was taken.
        let locked = query_scalar!(
            "SELECT seq FROM parked WHERE event_id = $1 AND body = $2 AND state = $3 FOR UPDATE SKIP LOCKED",
            message.id,
            &message.body[..],
            Text(State::Waiting) as _,
        )
        .fetch_optional(tx.sql())
        .await?;
        let Some(seq) = locked else { return Ok(Outcome::AlreadyHandled) };
        let service = self.database.service;
        let handled = handle_in_span(&self.handlers, tx, message, message.decoded()?, service).await?;
        let now = jiff_sqlx::Timestamp::from(tx.now());
        query!(
            "UPDATE parked SET state = $2, resolved_at = $3, next_attempt_at = NULL WHERE seq = $1",
            seq,
            Text(State::Done) as _,
            now as _,
        )
        .execute(tx.sql())
        .await?;
        query!("UPDATE inbox SET done_at = $2 WHERE event_id = $1", message.id, now as _).execute(tx.sql()).await?;
        Ok(handled)
    }
}
