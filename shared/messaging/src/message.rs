//! A message that came in, before anybody has taken charge of it, and what became of it.

use std::{sync::Arc, time::Duration};

use event::{Envelope, EventMeta};
use sha2::{Digest, Sha256};
use tracing::Span;
use uuid::Uuid;

use crate::{bus::Delivery, failure::Failure, history::Cursor};

/// A message on its way through the layers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ReceivedMessage {
    /// The event's id; for what is no event, [one of its own](undecodable_id).
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

impl ReceivedMessage {
    /// Decodes `delivery`, whose payload is `body`.
    pub fn new(delivery: &Delivery, body: Vec<u8>) -> Self {
        let envelope = decode(&delivery.exchange, &body);
        let id = match &envelope {
            Ok(envelope) => envelope.id,
            Err(_) => undecodable_id(&delivery.exchange, delivery.message_id.as_deref(), &body),
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
    pub(crate) fn stored(id: Uuid, exchange: String, body: Arc<[u8]>) -> Self {
        let envelope = Arc::new(decode(&exchange, &body));
        Self { id, exchange, redelivered: false, muted: false, body, span: Span::none(), envelope }
    }

    /// The envelope, if it is one of this exchange's events.
    pub fn decoded(&self) -> Result<&Envelope, Failure> {
        self.envelope.as_ref().as_ref().map_err(|reason| Failure::Undecodable(reason.clone()))
    }

    /// The same under an identity of its own: an event of another type has come with its id before. Made of both, so that
    /// a copy gets the same again.
    #[must_use]
    pub(crate) fn renamed(mut self) -> Self {
        self.id = Uuid::new_v5(&self.id, self.exchange.as_bytes());
        if let Ok(envelope) = self.envelope.as_ref() {
            let mut envelope = envelope.clone();
            envelope.id = self.id;
            self.envelope = Arc::new(Ok(envelope));
        }
        self
    }

    /// Who the event is, if it is one.
    pub fn meta(&self) -> Option<EventMeta> {
        Some(self.decoded().ok()?.meta())
    }

    /// Whether it must not share a transaction: it may have killed the process, or will fail for sure.
    pub(crate) fn runs_alone(&self) -> bool {
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

/// The identity of what has no readable one: made of the exchange it came through and its message id, or else its body, so
/// that it can't be the id of any event.
pub fn undecodable_id(exchange: &str, message_id: Option<&str>, body: &[u8]) -> Uuid {
    let of_exchange = Uuid::new_v5(&Uuid::NAMESPACE_OID, exchange.as_bytes());
    match message_id {
        Some(id) => Uuid::new_v5(&of_exchange, id.as_bytes()),
        None => Uuid::new_v5(&of_exchange, &Sha256::digest(body)),
    }
}

/// How many messages share a transaction at most.
pub const MAX_BATCH: usize = 128;

/// Messages that share a transaction, in delivery order.
#[derive(Clone, Debug)]
pub struct Batch {
    /// At least one.
    pub messages: Vec<ReceivedMessage>,
    /// Where the history is after them, if they came from one.
    pub cursor: Option<Cursor>,
}

impl Batch {
    /// A message alone.
    pub fn one(message: ReceivedMessage) -> Self {
        Self { messages: vec![message], cursor: None }
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its effect is committed.
    Handled {
        /// What the step made first, or the inbox row's own id.
        local: Uuid,
        /// How long the handler took.
        took: Duration,
    },
    /// The service has had it before.
    AlreadyHandled,
    /// Its subject has an earlier message that waits or is dead: it waits behind.
    Blocked,
}

/// An inbox row's own id: differs between the services that handle one event.
pub(crate) fn row_id(event_id: Uuid, service: &str) -> Uuid {
    Uuid::new_v5(&event_id, service.as_bytes())
}
