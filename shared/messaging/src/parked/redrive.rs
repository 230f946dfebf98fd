//! Tries parked messages again, the head of each subject: many in one transaction while nothing fails, else each alone.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use sqlx::{query, query_scalar, types::Text};
use tokio::sync::Notify;
use tower::{Service, ServiceExt, util::BoxService};
use uuid::Uuid;

use super::{delay, describe, log, note_attempt, state::State};
use crate::{
    database::{Database, in_time},
    failpoint::{Failpoint, hit},
    failure::Failure,
    handler::Handlers,
    message::{Batch, MAX_BATCH, Outcome, ReceivedMessage},
    middleware, poison,
    worker::{Next, TurnFailed, Worker},
};

mod attempt;

use attempt::Attempt;

/// How often the re-driver looks if nothing was parked in this process: a replica may have died.
const SLOW_POLL: Duration = Duration::from_secs(1);

/// How many messages one turn releases at most.
const RELEASE: i64 = 1000;

/// Re-drives the parked messages of one service.
pub struct Redriver {
    database: Database,
    stack: BoxService<Batch, Vec<Outcome>, Failure>,
    time_limit: Duration,
    max_batch: usize,
    /// How many are taken at once: halved after a failure, doubled after a batch without one.
    size: usize,
    /// What was taken, and is to be tried alone.
    alone: VecDeque<Taken>,
    /// Since the start, until nothing waits for a release any more.
    is_releasing: bool,
}

impl Redriver {
    /// Hands parked messages to `handlers` until they are done, or have been here for `time_limit`: then they are dead.
    pub fn new(database: Database, handlers: Handlers, limits: &middleware::Limits, time_limit: Duration) -> Self {
        let layers = handlers.batch_layers().to_vec();
        let stack = middleware::stack(Attempt::new(database.clone(), handlers).service(), limits, &layers);
        // What is taken waits for the rate's permission within a turn.
        let rate = limits.messages_per_second.and_then(|rate| usize::try_from(rate).ok());
        let max_batch = rate.map_or(MAX_BATCH, |rate| rate.clamp(1, MAX_BATCH));
        Self { database, stack, time_limit, max_batch, size: max_batch, alone: VecDeque::new(), is_releasing: true }
    }

    /// Tries at most `most` messages that are due, and gives how many; those of a batch that failed, and those that may have
    /// killed the process, one at a call.
    pub async fn redrive(&mut self, most: usize) -> Result<usize, sqlx::Error> {
        if self.alone.is_empty() {
            let taken = self.take(most).await?;
            if taken.iter().any(|taken| taken.is_suspect) {
                self.alone.extend(taken);
            } else if !taken.is_empty() {
                return self.try_together(taken).await;
            }
        }
        let Some(taken) = self.alone.pop_front() else { return Ok(0) };
        self.try_alone(&taken).await?;
        Ok(1)
    }

    async fn try_together(&mut self, taken: Vec<Taken>) -> Result<usize, sqlx::Error> {
        let tried = taken.len();
        match self.attempt(taken.iter().map(Taken::message).collect()).await {
            Ok(_) => self.size = (self.size * 2).min(self.max_batch),
            Err(Failure::DatabaseUnreachable(error)) => return Err(error),
            Err(failure) => {
                self.size = (self.size / 2).max(1);
                hit(Failpoint::Failed).await;
                if let [only] = &taken[..] {
                    self.record(only, &failure).await?;
                } else {
                    self.alone.extend(taken);
                }
            }
        }
        Ok(tried)
    }

    /// One of a batch that failed or did not live to its end: counted, because now it would be known who kills the process.
    async fn try_alone(&mut self, taken: &Taken) -> Result<(), sqlx::Error> {
        let begun = poison::begin(&self.database, taken.event_id).await?;
        hit(Failpoint::Suspected).await;
        let result = match begun {
            poison::GIVE_UP_AT.. => Err(Failure::KillsTheProcess),
            _ => self.attempt(vec![taken.message()]).await.map(drop),
        };
        let recorded = match result {
            Ok(()) => Ok(()),
            Err(Failure::DatabaseUnreachable(error)) => Err(error),
            Err(failure) => {
                hit(Failpoint::Failed).await;
                self.record(taken, &failure).await
            }
        };
        // Whatever became of it, it was no death.
        let survived = in_time(poison::survived(&self.database, taken.event_id)).await;
        recorded.and(survived)
    }

    async fn attempt(&mut self, messages: Vec<ReceivedMessage>) -> Result<Vec<Outcome>, Failure> {
        // The stack is ready at once or becomes so: its only limit is the rate.
        self.stack.ready().await?.call(Batch { messages, cursor: None }).await
    }

    /// Charges the attempt before it begins, with the delay to the next: should the process die of it, the message comes
    /// back later and later instead of at once for ever, and replicas keep out of each other's way.
    async fn take(&self, most: usize) -> Result<Vec<Taken>, sqlx::Error> {
        let mut tx = self.database.begin().await?;
        let now = tx.now();
        let due = query!(
            "SELECT seq, tries FROM parked WHERE state = 'waiting' AND next_attempt_at <= $1
             ORDER BY next_attempt_at, seq LIMIT $2 FOR UPDATE SKIP LOCKED",
            jiff_sqlx::Timestamp::from(now) as _,
            i64::try_from(most).unwrap_or(i64::MAX),
        )
        .fetch_all(tx.sql())
        .await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let positions: Vec<_> = due.iter().map(|row| row.seq).collect();
        let next: Vec<_> = due.iter().map(|row| jiff_sqlx::Timestamp::from(now + delay(row.tries + 1))).collect();
        let rows = query!(
            r#"WITH due AS (SELECT * FROM unnest($1::bigint[], $2::timestamptz[]) WITH ORDINALITY AS due (seq, next, position)),
                    taken AS (UPDATE parked SET attempts = attempts + 1, tries = tries + 1, next_attempt_at = due.next
                              FROM due WHERE parked.seq = due.seq
                              RETURNING due.position, event_id, event_type, body, muted, attempts, tries, tried_since)
               SELECT event_id, event_type, body, muted, attempts, tries, tried_since,
                      attempts - 1 > coalesce((SELECT max(number) FROM attempts AS failed
                                               WHERE failed.event_id = taken.event_id), 0) AS "is_suspect!"
               FROM taken ORDER BY position"#,
            &positions,
            &next as _,
        )
        .fetch_all(tx.sql())
        .await?;
        tx.commit().await?;
        hit(Failpoint::Taken).await;
        let taken = rows.into_iter().map(|row| Taken {
            event_id: row.event_id,
            event_type: row.event_type,
            body: row.body.into(),
            muted: row.muted,
            is_suspect: row.is_suspect,
            attempts: row.attempts,
            tries: row.tries,
            tried_since: row.tried_since.to_jiff(),
        });
        Ok(taken.collect())
    }

    /// Writes down why the attempt failed; dead if no other can help or the time is over.
    async fn record(&self, taken: &Taken, failure: &Failure) -> Result<(), sqlx::Error> {
        let mut tx = self.database.begin().await?;
        let age = tx.now().duration_since(taken.tried_since).unsigned_abs();
        let dead = failure.is_permanent() || age > self.time_limit;
        let state = if dead { State::Dead } else { State::Waiting };
        let recorded = query!(
            "UPDATE parked SET reason = $3, error = $4, state = $5,
                    next_attempt_at = CASE WHEN $5 = $6 THEN next_attempt_at END
             WHERE event_id = $1 AND state = $6 AND attempts = $2 AND tries = $7 AND body = $8",
            taken.event_id,
            taken.attempts,
            failure.class(),
            describe(failure),
            Text(state) as _,
            Text(State::Waiting) as _,
            taken.tries,
            &taken.body[..],
        )
        .execute(tx.sql())
        .await?;
        note_attempt(&mut tx, taken.event_id, taken.attempts, failure).await?;
        tx.commit().await?;
        hit(Failpoint::Committed).await;
        // An operator may have corrected, retried or discarded it meanwhile: then this attempt is history.
        if recorded.rows_affected() == 1 {
            log(dead, &taken.message(), failure.class(), taken.attempts);
        }
        Ok(())
    }

    /// Some of what waited for a release that can handle it is due at once, as this one may be it; gives how many.
    async fn release(&self) -> Result<u64, sqlx::Error> {
        let mut tx = self.database.begin().await?;
        let now = jiff_sqlx::Timestamp::from(tx.now());
        // In the very words of the index.
        let released = query!(
            "UPDATE parked SET next_attempt_at = $1, tries = 0
             WHERE seq IN (SELECT seq FROM parked
                           WHERE state = 'waiting' AND reason IN ('no_handler', 'newer_version', 'unknown_value')
                             AND next_attempt_at > $1
                           LIMIT $2 FOR UPDATE SKIP LOCKED)",
            now as _,
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
        let tried = self.redrive(self.size).await?;
        Ok(if tried > 0 { Next::Now } else { Next::Within(self.until_next().await?) })
    }
}

/// A message whose attempt is charged.
struct Taken {
    event_id: Uuid,
    event_type: String,
    body: Arc<[u8]>,
    muted: bool,
    /// Its last attempt has no end: the process may have died of it.
    is_suspect: bool,
    /// Which attempt it is in all.
    attempts: i32,
    /// Which it is since `tried_since`.
    tries: i32,
    /// When its time limit began.
    tried_since: jiff::Timestamp,
}

impl Taken {
    fn message(&self) -> ReceivedMessage {
        let mut message = ReceivedMessage::stored(self.event_id, self.event_type.clone(), self.body.clone());
        message.muted = self.muted;
        message
    }
}
