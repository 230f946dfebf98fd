//! Makes flows from events: whatever is dirty, or due, is evaluated anew and kept.
//!
//! Events are the truth and flows are made from them, at any time again. So a handler only writes its event down, and a
//! flow with many news is evaluated once.

use std::{collections::HashMap, time::Duration};

use contracts::choreography::Reaction;
use flow::{Evaluated, Observed, ObservedEvent, ReportedStatus};
use messaging::{
    database::Database,
    worker::{Next, TurnFailed, Worker},
};
use sqlx::types::Json;
use tokio::sync::watch;
use uuid::Uuid;

use crate::store::{
    self,
    flows::{self, Stale},
};

/// How many flows one turn takes at most.
const TURN: i64 = 200;
/// How often it looks if there was nothing to do.
const POLL: Duration = Duration::from_millis(100);

/// The one that keeps flows up to date. Several, in replicas, share the work.
#[derive(Debug)]
pub struct Projector {
    database: Database,
    reactions: &'static [Reaction],
    changed: watch::Sender<i64>,
}

impl Projector {
    /// Judges flows by `reactions`; says in `changed` the number of the latest change.
    pub fn new(database: Database, reactions: &'static [Reaction], changed: watch::Sender<i64>) -> Self {
        Self { database, reactions, changed }
    }

    /// Where flows are kept.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Brings some flows up to date; gives how many.
    pub async fn project(&self) -> Result<usize, sqlx::Error> {
        let mut tx = self.database.begin().await?;
        let now = tx.now();
        let mut stale = flows::lock_dirty(tx.sql(), TURN).await?;
        if stale.is_empty() {
            stale = flows::lock_due(tx.sql(), now, TURN).await?;
        }
        if stale.is_empty() {
            return Ok(0);
        }
        let ids: Vec<_> = stale.iter().map(|flow| flow.correlation_id).collect();
        let mut events: HashMap<Uuid, Vec<ObservedEvent>> = HashMap::new();
        for event in store::events_of(tx.sql(), &ids).await? {
            events.entry(event.correlation_id).or_default().push(event);
        }
        let mut statuses: HashMap<Uuid, Vec<ReportedStatus>> = HashMap::new();
        for (flow, status) in store::statuses_of(tx.sql(), &ids).await? {
            statuses.entry(flow).or_default().push(status);
        }
        let evaluated = stale.iter().filter_map(|flow| {
            let (events, statuses) = (events.get(&flow.correlation_id)?, statuses.get(&flow.correlation_id));
            let observed = Observed::new(self.reactions, events, statuses.map_or(&[], Vec::as_slice), now)?;
            Some((flow, observed.evaluate()))
        });
        let (changed, same): (Vec<_>, Vec<_>) = evaluated.partition(|(known, new)| is_news(known, new));
        let [changed, same] = [changed, same].map(|flows| flows.into_iter().map(|(_, new)| new).collect::<Vec<_>>());
        let last = flows::save(tx.sql(), &changed, &same).await?;
        tx.commit().await?;
        self.changed.send_if_modified(|known| std::mem::replace(known, last) != last);
        Ok(stale.len())
    }
}

impl Worker for Projector {
    fn part(&self) -> &'static str {
        "projector"
    }

    fn trouble(&self) -> &'static str {
        "flows can't be brought up to date"
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        Ok(if self.project().await? > 0 { Next::Now } else { Next::Within(POLL) })
    }
}

fn is_news(known: &Stale, new: &Evaluated) -> bool {
    known.known.as_ref().is_none_or(|Json(known)| *known != new.flow)
}
