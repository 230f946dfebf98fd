//! The router: deliveries of the service's queue, in batches, through the layers to the handlers.
//!
//! One task reads them, so the order is this loop's and never the scheduler's. Only the router settles, and in two ways:
//! it acknowledges what the service has taken charge of, or it closes the channel, and everything comes again in its
//! place. A nack would put one message back behind its successors; a cancel would start the stand-by replica while this
//! one still holds messages.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tracing::{Span, warn};
use uuid::Uuid;

use crate::{
    bus::{BusError, Deliveries, Delivery, Subscriber, Topology},
    database::Database,
    event::{Envelope, EventMeta},
    failure::Failure,
    handler::Handlers,
    health::{Condition, Health},
    history::{Cursor, Settling},
    middleware::Limits,
};

mod dispatch;
mod session;

pub use dispatch::Dispatcher;

/// How many messages share a transaction at most.
pub const MAX_BATCH: usize = 128;

/// A message on its way through the layers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The event's id; for what is no event, one made of its message id, or else of its body.
    pub id: Uuid,
    /// The exchange that it came through.
    pub exchange: String,
    /// It was delivered before and not settled.
    pub redelivered: bool,
    /// To be handled without mails and follow-ups: it comes from a muted replay.
    pub muted: bool,
    /// As it was delivered.
    pub body: Arc<[u8]>,
    /// The span of the current attempt.
    pub span: Span,
    envelope: Arc<Result<Envelope, String>>,
}

impl Incoming {
    /// Decodes `delivery`, whose payload is `body`.
    pub fn new(delivery: &Delivery, body: Vec<u8>) -> Self {
        let envelope = decode(&delivery.exchange, &body);
        let id = match &envelope {
            Ok(envelope) => envelope.id,
            Err(_) => identify(delivery.message_id.as_deref(), &body),
        };
        Self {
            id,
            exchange: delivery.exchange.clone(),
            redelivered: delivery.redelivered,
            muted: false,
            body: body.into(),
            span: Span::none(),
            envelope: Arc::new(envelope),
        }
    }

    /// A message that was kept in `parked`.
    pub(crate) fn stored(id: Uuid, exchange: String, body: Vec<u8>) -> Self {
        let envelope = Arc::new(decode(&exchange, &body));
        Self { id, exchange, redelivered: false, muted: false, body: body.into(), span: Span::none(), envelope }
    }

    /// The envelope, if it is one of this exchange's events.
    pub fn decoded(&self) -> Result<&Envelope, Failure> {
        self.envelope.as_ref().as_ref().map_err(|reason| Failure::Undecodable(reason.clone()))
    }

    /// Who the event is, if it is one.
    pub fn meta(&self) -> Option<EventMeta> {
        Some(self.decoded().ok()?.meta())
    }

    /// Whether it must not share a transaction: it may have killed the process, or will fail for sure.
    fn runs_alone(&self) -> bool {
        self.redelivered || self.envelope.is_err()
    }
}

fn decode(exchange: &str, body: &[u8]) -> Result<Envelope, String> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    // The broker lets only the owner write to an exchange; the type inside must not say otherwise.
    if envelope.event_type != exchange {
        return Err(format!("an event of type {:?} came through {exchange:?}", envelope.event_type));
    }
    Ok(envelope)
}

/// The identity of what has no readable one.
fn identify(message_id: Option<&str>, body: &[u8]) -> Uuid {
    match message_id {
        Some(id) => Uuid::parse_str(id).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes())),
        None => Uuid::new_v5(&Uuid::NAMESPACE_OID, &Sha256::digest(body)),
    }
}

/// Messages that share a transaction, in delivery order.
#[derive(Clone, Debug)]
pub struct Batch {
    /// At least one.
    pub messages: Vec<Incoming>,
    /// Where the history is after them, if they came from one.
    pub cursor: Option<Cursor>,
}

impl Batch {
    /// A message alone.
    pub fn one(message: Incoming) -> Self {
        Self { messages: vec![message], cursor: None }
    }
}

/// How a router behaves; the defaults are what runs in production.
#[derive(Clone, Copy, Debug)]
pub struct RouterSettings {
    /// How many messages share a transaction at most.
    pub max_batch: usize,
    /// The limits of the middleware.
    pub limits: Limits,
    /// When a history counts as read.
    pub settling: Settling,
    /// Whether a first catch-up is muted: it builds the state without mails and follow-ups.
    pub mute_catch_up: bool,
}

impl Default for RouterSettings {
    fn default() -> Self {
        Self { max_batch: MAX_BATCH, limits: Limits::default(), settling: Settling::default(), mute_catch_up: false }
    }
}

/// Receives what a service reacts to.
pub struct Router {
    database: Database,
    topology: Topology,
    subscriber: Box<dyn Subscriber>,
    dispatcher: Dispatcher,
    health: Health,
    settings: RouterSettings,
}

/// Why a session on the bus ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The bus's fault.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The database's, which is not away.
    #[error("the database does not answer as it should")]
    Database(#[from] sqlx::Error),
    /// What is not settled comes again.
    #[error("the channel was closed")]
    ChannelClosed,
    /// Before the broker loses its patience.
    #[error("the database was away for so long that the messages go back to the broker")]
    HeldTooLong,
    /// As asked.
    #[error("shutting down")]
    ShuttingDown,
}

impl Router {
    /// A router that hands what comes from `subscriber` to `handlers`.
    pub fn new(
        database: Database,
        topology: Topology,
        subscriber: Box<dyn Subscriber>,
        handlers: Handlers,
        health: Health,
        settings: RouterSettings,
    ) -> Self {
        // Here and not when it runs: until then the service must not look ready.
        health.set("router", Condition::Down("not connected to the broker yet".into()));
        let dispatcher = Dispatcher::new(database.clone(), handlers, &settings);
        Self { database, topology, subscriber, dispatcher, health, settings }
    }

    /// Receives until `shutdown`, whatever happens to the broker and the database; then finishes the running batch,
    /// acknowledges it and closes the channel.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while let Err(error) = self.session(&shutdown).await {
            self.subscriber.close().await;
            self.database.metrics.broker.subscriber.is(false, self.subscriber.reconnects());
            if matches!(error, SessionError::ShuttingDown) {
                return;
            }
            let reason = error.to_string();
            if self.health.set("router", Condition::Down(reason.clone())) {
                warn!(reason, "the router can't receive: trying again until it can");
            }
            let rest = Duration::from_millis(fastrand::u64(200..500));
            let _ = tokio::time::timeout(rest, shutdown.cancelled()).await;
        }
    }
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
