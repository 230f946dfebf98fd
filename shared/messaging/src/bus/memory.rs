//! The bus within one process, for `fleet run --bus memory` and for tests.
//!
//! It keeps the promise that matters: a publish is confirmed only when every subscriber has settled it. Were it confirmed
//! when it is queued, a crash would lose what the outbox calls published. What a publisher has given up on is dropped
//! from the queues, as if it had never arrived. Histories last as long as the process.

use std::{collections::HashSet, sync::Arc, time::Duration};

use event::EventType;
use futures_util::{FutureExt, future::BoxFuture};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Bus, BusError, Deliveries, Delivery, HistoryFrom, Message, Publisher, Subscriber, Topology};
use crate::bus::CatchUpPolicy;

mod state;

use state::{State, Wait};

/// How long a batch may wait for its subscribers.
const DEADLINE: Duration = Duration::from_secs(5);
/// A bus in memory. Copies are the same bus.
#[derive(Clone, Default)]
pub struct MemoryBus {
    state: Arc<Mutex<State>>,
    news: Arc<Notify>,
}

impl MemoryBus {
    /// An empty bus.
    pub fn new() -> Self {
        Self::default()
    }

    /// For tests: while it is unreachable nothing connects, and what was unsettled comes again afterwards.
    pub fn set_away(&self, away: bool) {
        let mut state = self.state.lock();
        state.away = away;
        for queue in state.queues.values_mut() {
            queue.requeue();
        }
        drop(state);
        self.news.notify_waiters();
    }

    /// For tests: takes the bindings of a service's queue away.
    pub fn unbind(&self, service: &str) {
        self.state.lock().exchanges.values_mut().for_each(|queues| queues.retain(|queue| *queue != service));
    }

    /// For tests: deletes a service's queue with all that is in it.
    pub fn delete_queue(&self, service: &str) {
        self.unbind(service);
        self.state.lock().queues.retain(|queue, _| *queue != service);
    }

    fn open(&self) -> Result<MutexGuard<'_, State>, BusError> {
        let state = self.state.lock();
        if state.away { Err(BusError::Unreachable("the bus is unreachable".into())) } else { Ok(state) }
    }
}

impl Bus for MemoryBus {
    fn publisher(&self, topology: &Topology) -> Box<dyn Publisher> {
        Box::new(MemoryPublisher { bus: self.clone(), topology: topology.clone() })
    }

    fn subscriber(&self, topology: &Topology) -> Box<dyn Subscriber> {
        Box::new(MemorySubscriber { bus: self.clone(), topology: topology.clone() })
    }

    /// At once: nothing is under way between a publisher and a history. Waiting would hold up every publisher, because
    /// what is in the queue of a service that catches up is not confirmed.
    fn settling(&self) -> CatchUpPolicy {
        CatchUpPolicy { first_word: Duration::ZERO, ..CatchUpPolicy::default() }
    }
}

struct MemoryPublisher {
    bus: MemoryBus,
    topology: Topology,
}

impl MemoryPublisher {
    fn declare(&self) -> Result<(), BusError> {
        let mut state = self.bus.open()?;
        for event in &self.topology.publishes {
            state.exchanges.entry(event.name.to_owned()).or_default();
        }
        state.histories.entry(self.topology.service).or_default();
        Ok(())
    }

    /// Puts the batch into history and queues; gives, for each message, what to wait for.
    fn enqueue(&self, batch: Vec<Message>) -> Result<Vec<Wait>, BusError> {
        let mut state = self.bus.open()?;
        if let Some(unknown) = batch.iter().find(|message| !state.exchanges.contains_key(&message.exchange)) {
            return Err(BusError::Refused(format!("no exchange {:?}", unknown.exchange)));
        }
        let waits = batch.into_iter().map(|message| state.route(self.topology.service, message)).collect();
        drop(state);
        self.bus.news.notify_waiters();
        Ok(waits)
    }
}

impl Publisher for MemoryPublisher {
    fn prepare(&mut self) -> BoxFuture<'_, Result<(), BusError>> {
        std::future::ready(self.declare()).boxed()
    }

    fn is_blocked(&self) -> bool {
        false
    }

    fn publish(&mut self, batch: Vec<Message>) -> BoxFuture<'_, Result<HashSet<Uuid>, BusError>> {
        async move {
            let deadline = tokio::time::Instant::now() + DEADLINE;
            let mut confirmed = HashSet::new();
            for (id, settled) in self.enqueue(batch)? {
                let all = futures_util::future::try_join_all(settled);
                if let Ok(Ok(_)) = tokio::time::timeout_at(deadline, all).await {
                    confirmed.insert(id);
                }
            }
            Ok(confirmed)
        }
        .boxed()
    }
}

struct MemorySubscriber {
    bus: MemoryBus,
    topology: Topology,
}

impl MemorySubscriber {
    fn declare_and_bind(&self) -> Result<Vec<EventType>, BusError> {
        let mut state = self.bus.open()?;
        state.queues.entry(self.topology.service).or_default();
        let mut missing = Vec::new();
        for event in &self.topology.reacts_to {
            match state.exchanges.get_mut(event.name) {
                Some(queues) => queues.extend([self.topology.service]),
                None => missing.push(*event),
            }
        }
        Ok(missing)
    }

    fn start(&self) -> Result<Box<dyn Deliveries>, BusError> {
        let mut state = self.bus.open()?;
        let queue = state.queues.entry(self.topology.service).or_default();
        queue.requeue();
        let consumer = queue.consumer;
        Ok(Box::new(FromQueue { bus: self.bus.clone(), service: self.topology.service, consumer }))
    }

    fn read(&self, owner: &'static str, from: HistoryFrom) -> Result<Option<Box<dyn Deliveries>>, BusError> {
        let state = self.bus.open()?;
        let Some(history) = state.histories.get(owner) else { return Ok(None) };
        let offset = history.offset_of(from);
        Ok(Some(Box::new(FromHistory { bus: self.bus.clone(), owner, offset })))
    }
}

impl Subscriber for MemorySubscriber {
    fn queue_exists(&mut self) -> BoxFuture<'_, Result<bool, BusError>> {
        let exists = self.bus.open().map(|state| state.queues.contains_key(self.topology.service));
        std::future::ready(exists).boxed()
    }

    fn bind(&mut self) -> BoxFuture<'_, Result<Vec<EventType>, BusError>> {
        std::future::ready(self.declare_and_bind()).boxed()
    }

    fn consume(&mut self) -> BoxFuture<'_, Result<Box<dyn Deliveries>, BusError>> {
        std::future::ready(self.start()).boxed()
    }

    fn read_history(
        &mut self,
        owner: &'static str,
        from: HistoryFrom,
    ) -> BoxFuture<'_, Result<Option<Box<dyn Deliveries>>, BusError>> {
        std::future::ready(self.read(owner, from)).boxed()
    }

    fn dead_letters(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Deliveries>>, BusError>> {
        std::future::ready(Ok(None)).boxed()
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
}

struct FromQueue {
    bus: MemoryBus,
    service: &'static str,
    consumer: u64,
}

impl FromQueue {
    /// `Err` when another consumer has taken over, or the bus went away.
    fn poll(&self) -> Result<Option<Delivery>, ()> {
        let mut state = self.bus.open().map_err(drop)?;
        let queue = state.queues.get_mut(self.service).filter(|queue| queue.consumer == self.consumer).ok_or(())?;
        let Some((tag, queued)) = queue.take() else { return Ok(None) };
        let (bus, service) = (self.bus.clone(), self.service);
        let settle = move || std::future::ready(bus.settle(service, tag)).boxed();
        let mut delivery = deliver(&queued.message, None, Box::new(settle));
        delivery.redelivered = queued.redelivered;
        Ok(Some(delivery))
    }
}

impl MemoryBus {
    fn settle(&self, service: &str, tag: u64) -> bool {
        let Ok(mut state) = self.open() else { return false };
        let Some(queued) = state.queues.get_mut(service).and_then(|queue| queue.unsettled.remove(&tag)) else {
            return false;
        };
        if let Some(confirm) = queued.confirm.lock().take() {
            // The publisher may have given up meanwhile: then it publishes again and the inbox drops it.
            let _ = confirm.send(());
        }
        true
    }
}

fn deliver(message: &Message, offset: Option<i64>, settle: super::Settle) -> Delivery {
    Delivery {
        message_id: Some(message.id.to_string()),
        exchange: message.exchange.clone(),
        redelivered: false,
        offset,
        dead_letter_reason: None,
        body: message.body.clone(),
        settle,
    }
}

impl Deliveries for FromQueue {
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>> {
        async {
            loop {
                // Registered before looking, so that nothing slips in between.
                let news = self.bus.news.notified();
                match self.poll() {
                    Ok(Some(delivery)) => return Some(delivery),
                    Ok(None) => news.await,
                    Err(()) => return None,
                }
            }
        }
        .boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        let mut state = self.bus.state.lock();
        if let Some(queue) = state.queues.get_mut(self.service).filter(|queue| queue.consumer == self.consumer) {
            queue.requeue();
        }
        std::future::ready(()).boxed()
    }
}

struct FromHistory {
    bus: MemoryBus,
    owner: &'static str,
    offset: i64,
}

impl Deliveries for FromHistory {
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>> {
        async {
            loop {
                let news = self.bus.news.notified();
                let found = self.bus.open().ok()?.histories.get(self.owner)?.get(self.offset);
                if let Some((offset, message)) = found {
                    self.offset = offset + 1;
                    return Some(deliver(&message, Some(offset), Box::new(|| std::future::ready(true).boxed())));
                }
                news.await;
            }
        }
        .boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        std::future::ready(()).boxed()
    }
}
