//! The bus: fanout exchanges named as events, a queue per service, a history per owner.
//!
//! Only the [relay](crate::outbox::relay) holds a [`Publisher`], only the [router](crate::router) a [`Subscriber`].
//! Two buses keep the same promises ([`rabbitmq`] and [`memory`]), and one conformance suite holds them to it.

use std::{collections::HashSet, time::Duration};

use event::{Envelope, EventType, TraceContext};
use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use thiserror::Error;
use uuid::Uuid;

pub mod memory;
pub mod rabbitmq;

/// What one service has on the bus.
#[derive(Clone, Debug)]
pub struct Topology {
    /// The service: the name of its queue, of `<service>.dead` and of `<service>.history`.
    pub service: &'static str,
    /// The events that it owns: it declares their exchanges.
    pub publishes: Vec<EventType>,
    /// The events that it reacts to: its queue is bound to their exchanges.
    pub reacts_to: Vec<EventType>,
}

impl Topology {
    /// Whose events the service reacts to, each owner once.
    pub fn owners(&self) -> Vec<&'static str> {
        let mut owners: Vec<_> = self.reacts_to.iter().map(|event| event.owner).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }
}

/// Why the bus did not do as asked.
#[derive(Clone, Debug, Error)]
pub enum BusError {
    /// No connection, or it was lost. What was under way may or may not have happened.
    #[error("the broker is unreachable: {0}")]
    Unreachable(String),
    /// The broker closed the channel over what it was given.
    #[error("the broker refused: {0}")]
    Refused(String),
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
}

/// A message to publish.
#[derive(Clone, Debug)]
pub struct Message {
    /// The event's id.
    pub id: Uuid,
    /// The exchange: the event's type.
    pub exchange: String,
    /// The event that began the flow.
    pub correlation_id: Uuid,
    /// When it was recorded, seconds since the epoch.
    pub timestamp: u64,
    /// The producer's span.
    pub trace: TraceContext,
    /// The envelope, as JSON.
    pub body: Vec<u8>,
}

impl Message {
    /// The message that carries `envelope`.
    pub fn new(envelope: &Envelope) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: envelope.id,
            exchange: envelope.event_type.clone(),
            correlation_id: envelope.correlation_id,
            timestamp: envelope.time.as_second().unsigned_abs(),
            trace: envelope.trace.clone(),
            body: serde_json::to_vec(envelope)?,
        })
    }
}

/// A message as it arrived. It is settled once, by [`Delivery::ack`]; one that is dropped comes again.
pub struct Delivery {
    /// Its id, if it has one.
    pub message_id: Option<String>,
    /// The exchange that it came through.
    pub exchange: String,
    /// Whether it was delivered before and not settled: what was handling it may have died of it.
    pub redelivered: bool,
    /// Its position in a history; `None` in a queue.
    pub offset: Option<i64>,
    /// Why the broker gave it up, if it did.
    pub dead_letter_reason: Option<String>,
    /// The payload.
    pub body: Vec<u8>,
    /// How it is settled: what [`Delivery::ack`] does.
    pub settle: Settle,
}

/// Acknowledges a delivery; `false` if its channel is gone.
pub type Settle = Box<dyn FnOnce() -> BoxFuture<'static, bool> + Send>;

impl Delivery {
    /// Tells the bus that the service has taken charge. `false`: the channel is gone, the message will come again.
    pub async fn ack(self) -> bool {
        (self.settle)().await
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery")
            .field("message_id", &self.message_id)
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}

/// A bus that a service can join.
pub trait Bus: Send + Sync {
    /// The sending half of a service.
    fn publisher(&self, topology: &Topology) -> Box<dyn Publisher>;
    /// The receiving half of a service.
    fn subscriber(&self, topology: &Topology) -> Box<dyn Subscriber>;
    /// When a history of this bus counts as read.
    fn settling(&self) -> CatchUpPolicy {
        CatchUpPolicy::default()
    }
}

/// When a history counts as read to its end.
#[derive(Clone, Copy, Debug)]
pub struct CatchUpPolicy {
    /// How long a stream may be silent before it counts as empty.
    pub first_word: Duration,
    /// How often a service that is caught up binds again and reads what is new: this heals a lost binding.
    pub every: Duration,
}

impl Default for CatchUpPolicy {
    fn default() -> Self {
        Self { first_word: Duration::from_secs(5), every: Duration::from_mins(1) }
    }
}

/// Sends to the service's own exchanges.
pub trait Publisher: Send {
    /// Connects and declares the service's exchanges and its history, unless that is done already, or the broker takes
    /// nothing just now.
    fn prepare(&mut self) -> BoxFuture<'_, Result<(), BusError>>;

    /// Gives up what is under way, after a batch was dropped half-way: its late confirms must not count for the next.
    fn abandon(&mut self) {}

    /// Whether the broker takes nothing just now (a memory or disk alarm).
    fn is_blocked(&self) -> bool;

    /// How often the connection was made again after it had been lost.
    fn reconnects(&self) -> u64 {
        0
    }

    /// Publishes a batch within one deadline and gives the ids that the broker has confirmed. An id that is missing may
    /// or may not have been stored.
    fn publish(&mut self, batch: Vec<Message>) -> BoxFuture<'_, Result<HashSet<Uuid>, BusError>>;
}

/// Where to begin to read a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryFrom {
    /// At this offset, or at the first that is still there.
    Offset(i64),
    /// At what arrived at this time, or somewhat earlier.
    Time(Timestamp),
    /// Shortly before the end.
    Last,
}

/// Receives what the service reacts to.
pub trait Subscriber: Send + Sync {
    /// Whether the service's queue is there already.
    fn queue_exists(&mut self) -> BoxFuture<'_, Result<bool, BusError>>;

    /// Declares the service's queue and binds it; gives the events whose exchange does not exist yet.
    fn bind(&mut self) -> BoxFuture<'_, Result<Vec<EventType>, BusError>>;

    /// Begins to consume the queue.
    fn consume(&mut self) -> BoxFuture<'_, Result<Box<dyn Deliveries>, BusError>>;

    /// Receives what the broker gave up on instead of delivering it once more; `None` if this bus never gives up.
    fn dead_letters(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Deliveries>>, BusError>>;

    /// Reads the history of `owner`, as far back as it goes; `None` if there is no such history yet.
    fn read_history(
        &mut self,
        owner: &'static str,
        from: HistoryFrom,
    ) -> BoxFuture<'_, Result<Option<Box<dyn Deliveries>>, BusError>>;

    /// How often the connection was made again after it had been lost or left.
    fn reconnects(&self) -> u64 {
        0
    }

    /// Leaves the bus: whatever is not settled comes again.
    fn close(&mut self) -> BoxFuture<'_, ()>;
}

/// Messages in their order.
pub trait Deliveries: Send {
    /// The next one; `None` when the channel is gone. Cancel-safe.
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>>;

    /// Closes the channel: whatever is not settled comes again, in its place.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// What is buffered, up to `max`, in delivery order.
pub(crate) fn fill(first: Delivery, queue: &mut dyn Deliveries, max: usize) -> Vec<Delivery> {
    let mut batch = vec![first];
    while batch.len() < max
        && let Some(Some(delivery)) = queue.next().now_or_never()
    {
        batch.push(delivery);
    }
    batch
}
