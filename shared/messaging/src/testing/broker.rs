//! A broker of a test: takes, refuses or holds what it is given, as it was told.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use event::Envelope;
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::Notify;
use uuid::Uuid;

use super::orders::ORDERS;
use crate::{
    bus::{BusError, Message, Publisher},
    database::Database,
    health::Health,
    outbox::relay::Relay,
};

const UNPOISONED: &str = "no test panics while it holds this";

/// A broker that says what the test wants of each message.
#[derive(Clone, Default)]
pub struct Broker {
    taken: Arc<Mutex<Vec<Message>>>,
    batches: Arc<Mutex<Vec<usize>>>,
    refuses: Arc<Mutex<HashSet<Uuid>>>,
    closes_over: Arc<Mutex<HashSet<Uuid>>>,
    blocked: Arc<Mutex<bool>>,
    held: Arc<Mutex<Option<Arc<Notify>>>>,
}

impl Broker {
    /// A relay of the service of `database`, which publishes the events of orders here.
    pub fn relay(&self, database: &Database) -> Relay {
        database.metrics.begin(ORDERS, &[]);
        Relay::new(database.clone(), Box::new(self.clone()), &Health::default())
    }

    /// From now on it confirms nothing before it is told to.
    pub fn hold(&self) -> Arc<Notify> {
        let answer = Arc::<Notify>::default();
        *self.held.lock().expect(UNPOISONED) = Some(answer.clone());
        answer
    }

    /// From now on it does not confirm `id`.
    pub fn refuse(&self, id: Uuid) {
        self.refuses.lock().expect(UNPOISONED).insert(id);
    }

    /// From now on it confirms everything.
    pub fn refuse_nothing(&self) {
        self.refuses.lock().expect(UNPOISONED).clear();
    }

    /// From now on it closes the channel over `id`.
    pub fn close_over(&self, id: Uuid) {
        self.closes_over.lock().expect(UNPOISONED).insert(id);
    }

    /// Whether it takes nothing from publishers.
    pub fn block(&self, blocked: bool) {
        *self.blocked.lock().expect(UNPOISONED) = blocked;
    }

    /// How many messages it was given at once, in order.
    pub fn batches(&self) -> Vec<usize> {
        self.batches.lock().expect(UNPOISONED).clone()
    }

    /// What it took, which it forgets.
    pub fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.taken.lock().expect(UNPOISONED))
    }

    /// The ids of what it took, in order.
    pub fn taken(&self) -> Vec<Uuid> {
        self.taken.lock().expect(UNPOISONED).iter().map(|message| message.id).collect()
    }

    /// The envelopes of what it took, in order.
    pub fn envelopes(&self) -> Vec<Envelope> {
        let taken = self.taken.lock().expect(UNPOISONED);
        taken.iter().map(|message| serde_json::from_slice(&message.body).expect("an event")).collect()
    }
}

impl Publisher for Broker {
    fn prepare(&mut self) -> BoxFuture<'_, Result<(), BusError>> {
        async { Ok(()) }.boxed()
    }

    fn is_blocked(&self) -> bool {
        *self.blocked.lock().expect(UNPOISONED)
    }

    fn publish(&mut self, batch: Vec<Message>) -> BoxFuture<'_, Result<HashSet<Uuid>, BusError>> {
        self.batches.lock().expect(UNPOISONED).push(batch.len());
        let closes_over = self.closes_over.lock().expect(UNPOISONED).clone();
        if batch.iter().any(|message| closes_over.contains(&message.id)) {
            return async { Err(BusError::Refused("closed over one of these".into())) }.boxed();
        }
        let refuses = self.refuses.lock().expect(UNPOISONED).clone();
        let taken: Vec<_> = batch.into_iter().filter(|message| !refuses.contains(&message.id)).collect();
        let ids = taken.iter().map(|message| message.id).collect();
        self.taken.lock().expect(UNPOISONED).extend(taken);
        let held = self.held.lock().expect(UNPOISONED).clone();
        async move {
            if let Some(answer) = held {
                answer.notified().await;
            }
            Ok(ids)
        }
        .boxed()
    }
}
