//! Gauges that only the database knows: read every five seconds by one task, never while somebody scrapes.

use std::{sync::Arc, time::Duration};

use sqlx::{query, query_scalar, types::Text};
use tokio::time::Instant;

use super::Metrics;
use crate::{
    database::Database,
    health::{Condition, Health, is_ready},
    parked::state::State,
    worker::{Next, TurnFailed, Worker},
};

/// How often the collector sees whether the service is ready.
const LOOK: Duration = Duration::from_secs(1);
/// How often the database is asked for numbers.
const EVERY: Duration = Duration::from_secs(5);
/// From one asking to the next at least so many times as long as it took: to count a large backlog may cost a twentieth
/// of the time.
const SHARE: u32 = 20;

/// Samples one service. Each statement has the time limit of the service's connections; where the database is unreachable, the
/// last values stay, and `sample_last_success_timestamp_seconds` says how old they are.
#[derive(Debug)]
pub struct Collector {
    database: Database,
    health: Health,
    /// When the database may be asked again.
    next: Option<Instant>,
}

impl Collector {
    /// A collector of what `health` says and `database` knows.
    pub fn new(database: Database, health: Health) -> Self {
        Self { database, health, next: None }
    }

    /// Sees whether the service is ready; and reads what the database knows, if it answers and has had its rest.
    pub async fn look(&mut self) -> Result<(), TurnFailed> {
        let parts = self.health.look(&self.database).await;
        self.metrics().ready.set(u8::from(is_ready(&parts)));
        let begun = Instant::now();
        let rested = self.next.is_none_or(|next| begun >= next);
        // Before the tables are there, there is nothing to be counted.
        let can_be_asked =
            parts.get("database") == Some(&Condition::Up) && !matches!(parts.get("tables"), Some(Condition::Down(_)));
        if rested && can_be_asked {
            let complete = self.collect_all().await;
            self.next = Some(begun + EVERY.max(begun.elapsed() * SHARE));
            if !complete {
                return Err(TurnFailed("some statements failed or took too long".into()));
            }
        }
        Ok(())
    }

    /// Reads everything once; `false` if something could not be read.
    pub async fn collect_all(&self) -> bool {
        let metrics = self.metrics();
        let mut complete = self.outbox().await.is_ok();
        complete &= self.parked().await.is_ok();
        for sample in metrics.registry.begin_samples() {
            complete &= sample.await.is_ok();
        }
        if complete {
            metrics.sampled.set(self.database.clock.now().as_duration().as_secs_f64());
        }
        complete
    }

    fn metrics(&self) -> &Arc<Metrics> {
        &self.database.metrics
    }

    /// The age first: it is one look into an index, however many there are to count.
    async fn outbox(&self) -> Result<(), sqlx::Error> {
        let outbox = &self.metrics().outbox;
        let oldest = query_scalar!("SELECT recorded_at FROM outbox WHERE published_at IS NULL ORDER BY seq LIMIT 1")
            .fetch_optional(&self.database.pool)
            .await?;
        outbox.oldest.set_age(oldest.map(jiff_sqlx::Timestamp::to_jiff), self.database.clock.now());
        let unpublished = query_scalar!(r#"SELECT count(*) AS "count!" FROM outbox WHERE published_at IS NULL"#)
            .fetch_one(&self.database.pool)
            .await?;
        outbox.unpublished.set_count(unpublished);
        Ok(())
    }

    async fn parked(&self) -> Result<(), sqlx::Error> {
        let rows = query!(
            r#"SELECT state AS "state: Text<State>", count(*) AS "messages!", min(parked_at) AS "oldest!"
               FROM parked WHERE state IN ('waiting', 'behind', 'dead') GROUP BY state"#,
        )
        .fetch_all(&self.database.pool)
        .await?;
        for state in State::UNRESOLVED {
            let kept = rows.iter().find(|row| row.state.0 == state);
            let oldest = kept.map(|row| row.oldest.to_jiff());
            self.metrics().parked.messages.of([state.as_str()]).set_count(kept.map_or(0, |row| row.messages));
            self.metrics().parked.oldest.of([state.as_str()]).set_age(oldest, self.database.clock.now());
        }
        Ok(())
    }
}

impl Worker for Collector {
    fn part(&self) -> &'static str {
        "collector"
    }

    fn trouble(&self) -> &'static str {
        "what only the database knows can't be measured"
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        self.look().await?;
        Ok(Next::Within(LOOK))
    }
}
