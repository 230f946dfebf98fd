//! What changes, read once for all who listen.
//!
//! They may be many, and most of the time nothing happens: only who has missed something asks the database for it.

use std::{sync::Arc, time::Duration};

use messaging::{
    database::Database,
    worker::{Next, TurnFailed, Worker},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch},
    time::{Instant, sleep_until, timeout},
};

use super::shown;
use crate::{
    service_directory::ServiceDirectory,
    store::flows::{Listed, changed_after, last_change},
};

/// How many flows are read at once.
const CHUNK: i64 = 200;
/// At most so often, whatever happens: a person can't see more.
const PACE: Duration = Duration::from_millis(200);
/// Changes that another replica makes are found by looking.
const POLL: Duration = Duration::from_secs(1);
/// How many chunks a listener may be behind; who is further asks the database.
const BEHIND: usize = 16;
/// How many may listen to one process.
const LISTENERS: usize = 1000;

/// A flow that has changed, as it is told.
#[derive(Clone, Debug)]
pub struct Told {
    /// The number of the change.
    pub change: i64,
    /// The flow, as JSON.
    pub data: String,
}

/// Where listeners and the reader meet. Copies share it.
#[derive(Clone, Debug)]
pub struct Feed {
    chunks: broadcast::Sender<Arc<[Told]>>,
    /// Up to where the reader has told; `None` before it has begun.
    position: watch::Sender<Option<i64>>,
    places: Arc<Semaphore>,
}

impl Default for Feed {
    fn default() -> Self {
        let (chunks, position) = (broadcast::Sender::new(BEHIND), watch::Sender::new(None));
        Self { chunks, position, places: Arc::new(Semaphore::new(LISTENERS)) }
    }
}

/// Somebody who listens, after the change `after`.
#[derive(Debug)]
pub struct Listener {
    feed: Feed,
    chunks: broadcast::Receiver<Arc<[Told]>>,
    after: i64,
    is_live: bool,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    /// A place among the listeners; `None` if there are too many.
    pub fn listen(&self, after: i64) -> Option<Listener> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let chunks = self.chunks.subscribe();
        Some(Listener { feed: self.clone(), chunks, after, is_live: false, _place: place })
    }

    fn tell(&self, chunk: Arc<[Told]>, position: i64) {
        // Before the position: whoever sees that has what leads up to it, or will get it.
        let _ = self.chunks.send(chunk);
        self.position.send_replace(Some(position));
    }
}

impl Listener {
    /// What comes next, at least one; `None` if the database does not answer.
    pub async fn next(&mut self, database: &Database, directory: &ServiceDirectory) -> Option<Vec<Told>> {
        loop {
            let told = if self.is_live { self.hear().await } else { self.read(database, directory).await.ok()? };
            let news: Vec<_> = told.into_iter().filter(|told| told.change > self.after).collect();
            if let Some(last) = news.last() {
                self.after = last.change;
                return Some(news);
            }
        }
    }

    /// From the reader, for as long as this listener keeps up.
    async fn hear(&mut self) -> Vec<Told> {
        let heard = self.chunks.recv().await;
        // Too far behind: it reads for itself until it has caught up.
        self.is_live = heard.is_ok();
        heard.map_or_else(|_| Vec::new(), |chunk| chunk.to_vec())
    }

    /// What was missed, from the database; after that this one is live.
    async fn read(&mut self, database: &Database, directory: &ServiceDirectory) -> Result<Vec<Told>, sqlx::Error> {
        let missed = changed_after(&database.pool, self.after, CHUNK).await?;
        if missed.is_empty() {
            // What the reader tells from here on begins at or before where this one is.
            self.is_live = self.feed.position.borrow().is_some_and(|position| position <= self.after);
            if !self.is_live {
                let _ = timeout(PACE, self.feed.position.subscribe().changed()).await;
            }
        }
        Ok(told(missed, directory))
    }
}

fn told(listed: Vec<Listed>, directory: &ServiceDirectory) -> Vec<Told> {
    let told = listed.into_iter().filter_map(|listed| {
        let flow = shown::changed(listed, directory);
        Some(Told { change: flow.change, data: serde_json::to_string(&flow).ok()? })
    });
    told.collect()
}

/// Reads what changes, once for all.
pub struct Reader {
    database: Database,
    directory: ServiceDirectory,
    /// The number of the latest change that this process has made.
    changed: watch::Receiver<i64>,
    feed: Feed,
    read_at: Instant,
}

impl Reader {
    /// Tells `feed` what changes in `database`.
    pub fn new(database: Database, directory: ServiceDirectory, changed: watch::Receiver<i64>, feed: Feed) -> Self {
        Self { database, directory, changed, feed, read_at: Instant::now() }
    }

    /// Until there may be something new, and not too soon after the last time.
    async fn wait(&mut self, after: i64) {
        sleep_until(self.read_at + PACE).await;
        let _ = timeout(POLL, self.changed.wait_for(|change| *change > after)).await;
        self.read_at = Instant::now();
    }
}

impl Worker for Reader {
    fn part(&self) -> &'static str {
        "changes"
    }

    fn trouble(&self) -> &'static str {
        "whoever listens to flows hears of no change"
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        let told_until = *self.feed.position.borrow();
        let Some(after) = told_until else {
            let newest = last_change(&self.database.pool).await?;
            self.feed.tell(Arc::new([]), newest);
            return Ok(Next::Now);
        };
        self.wait(after).await;
        let changed = changed_after(&self.database.pool, after, CHUNK).await?;
        if let Some(last) = changed.last().map(|last| last.change) {
            self.feed.tell(told(changed, &self.directory).into(), last);
        }
        Ok(Next::Now)
    }
}
