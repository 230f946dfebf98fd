//! What the bus in memory holds: exchanges, queues, histories.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::bus::{HistoryFrom, Message};

/// How many messages a history keeps.
const HISTORY_LENGTH: usize = 100_000;

#[derive(Default)]
pub struct State {
    /// Exchange → the queues bound to it.
    pub exchanges: BTreeMap<String, HashSet<&'static str>>,
    pub queues: HashMap<&'static str, Queue>,
    pub histories: HashMap<&'static str, History>,
    pub away: bool,
}

#[derive(Default)]
pub struct Queue {
    pub ready: VecDeque<Arc<Queued>>,
    pub unsettled: BTreeMap<u64, Arc<Queued>>,
    pub next_tag: u64,
    /// The consumer that the queue serves: the last to come.
    pub consumer: u64,
}

#[derive(Default)]
pub struct History {
    pub first: i64,
    pub messages: VecDeque<Arc<Message>>,
}

/// A message in a queue, and the publisher that waits for it.
pub struct Queued {
    pub message: Arc<Message>,
    pub redelivered: bool,
    pub confirm: Arc<Mutex<Option<oneshot::Sender<()>>>>,
}

impl Queued {
    pub fn is_given_up(&self) -> bool {
        self.confirm.lock().as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    pub fn again(&self) -> Arc<Self> {
        let Self { message, confirm, .. } = self;
        Arc::new(Self { message: message.clone(), redelivered: true, confirm: confirm.clone() })
    }
}

impl Queue {
    /// Whatever is unsettled comes again, in its place; a new consumer number makes the old consumer stop.
    pub fn requeue(&mut self) {
        self.consumer += 1;
        for (_, queued) in std::mem::take(&mut self.unsettled).into_iter().rev() {
            self.ready.push_front(queued.again());
        }
    }

    pub fn take(&mut self) -> Option<(u64, Arc<Queued>)> {
        let queued = loop {
            let queued = self.ready.pop_front()?;
            if !queued.is_given_up() {
                break queued;
            }
        };
        let tag = self.next_tag;
        self.next_tag += 1;
        self.unsettled.insert(tag, queued.clone());
        Some((tag, queued))
    }
}

/// A published message, and the settling of each of its subscribers.
pub type Wait = (Uuid, Vec<oneshot::Receiver<()>>);

impl State {
    pub fn route(&mut self, owner: &'static str, message: Message) -> Wait {
        let message = Arc::new(message);
        self.histories.entry(owner).or_default().push(message.clone());
        let bound = self.exchanges.get(&message.exchange).cloned().unwrap_or_default();
        let wait = bound.into_iter().map(|queue| {
            let (confirm, settled) = oneshot::channel();
            let confirm = Arc::new(Mutex::new(Some(confirm)));
            let queued = Arc::new(Queued { message: message.clone(), redelivered: false, confirm });
            self.queues.entry(queue).or_default().ready.push_back(queued);
            settled
        });
        (message.id, wait.collect())
    }
}

impl History {
    pub fn push(&mut self, message: Arc<Message>) {
        self.messages.push_back(message);
        if self.messages.len() > HISTORY_LENGTH {
            self.messages.pop_front();
            self.first += 1;
        }
    }

    pub fn offset_of(&self, from: HistoryFrom) -> i64 {
        let at = |index: usize| self.first + i64::try_from(index).unwrap_or(i64::MAX);
        match from {
            HistoryFrom::Offset(offset) => offset,
            HistoryFrom::Last => at(self.messages.len().saturating_sub(1)),
            HistoryFrom::Time(time) => {
                let since = u64::try_from(time.as_second()).unwrap_or(0);
                at(self.messages.iter().position(|message| message.timestamp >= since).unwrap_or(self.messages.len()))
            }
        }
    }

    pub fn get(&self, offset: i64) -> Option<(i64, Arc<Message>)> {
        let offset = offset.max(self.first);
        let message = self.messages.get(usize::try_from(offset - self.first).ok()?)?;
        Some((offset, message.clone()))
    }
}
