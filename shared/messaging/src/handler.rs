//! What a service does with an event.

use std::{collections::HashMap, fmt, marker::PhantomData, sync::Arc};

use event::{Envelope, Event, EventType};
use futures_util::future::BoxFuture;

use crate::{
    failure::{Failure, HandlerError},
    middleware::{BatchLayer, HandlerLayer},
    unit_of_work::UnitOfWork,
};

/// Reacts to one event type, in the transaction that also records the event as handled.
///
/// Handlers do no I/O but through `tx`. What talks to the outside (SMTP, a webhook) is a row here and a sender
/// elsewhere: a transaction can be rolled back, a mail can't.
pub trait Handler<E: Event>: Send + Sync + 'static {
    /// Does the work. An error rolls it back, follow-up events included.
    fn handle(&self, tx: &mut UnitOfWork, event: &E) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

/// Sees events of any type as they are on the wire, in the transaction that also records them as handled.
///
/// For those who follow what happens and take no part in it. What holds for a [`Handler`] holds here.
pub trait Observer: Send + Sync + 'static {
    /// Does the work. An error rolls it back.
    fn observe(&self, tx: &mut UnitOfWork, event: &Envelope) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

/// The handlers of a service, one for each event type that it reacts to.
#[derive(Clone, Default)]
pub struct Handlers {
    by_type: HashMap<&'static str, (EventType, Arc<dyn AnyHandler>)>,
    layers: Vec<Arc<dyn HandlerLayer>>,
    batch_layers: Vec<BatchLayer>,
}

impl Handlers {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `handler` reacts to `E` from now on.
    #[must_use]
    pub fn on<E: Event>(mut self, handler: impl Handler<E>) -> Self {
        let erased = Arc::new(Typed { handler, event: PhantomData::<fn(E)> });
        self.by_type.insert(E::TYPE, (EventType::of::<E>(), erased));
        self
    }

    /// `observer` sees all `events` from now on.
    #[must_use]
    pub fn observing(mut self, events: &[EventType], observer: impl Observer) -> Self {
        let erased: Arc<dyn AnyHandler> = Arc::new(Observing(observer));
        self.by_type.extend(events.iter().map(|event| (event.name, (*event, Arc::clone(&erased)))));
        self
    }

    /// Puts `layer` around every handling, outside of the layers before it.
    #[must_use]
    pub fn layer(mut self, layer: impl HandlerLayer) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Puts `layer` around every batch, inside of the layers before it.
    #[must_use]
    pub fn batch_layer(mut self, layer: BatchLayer) -> Self {
        self.batch_layers.push(layer);
        self
    }

    /// The layers around batches, the outermost first.
    pub fn batch_layers(&self) -> &[BatchLayer] {
        &self.batch_layers
    }

    /// The event types that have a handler, in alphabetical order.
    pub fn event_types(&self) -> Vec<EventType> {
        let mut types: Vec<_> = self.by_type.values().map(|(event_type, _)| *event_type).collect();
        types.sort_unstable();
        types
    }

    /// Hands `envelope` to the handler of its type.
    pub async fn handle(&self, tx: &mut UnitOfWork, envelope: &Envelope) -> Result<(), Failure> {
        let handler = self.of(envelope)?;
        tx.caused_by(envelope.meta());
        let handling = handler.handle(tx, envelope);
        self.layers.iter().fold(handling, |handling, layer| layer.around(envelope, handling)).await
    }

    /// Whether `envelope` is an event that a handler here could take, without handing it over.
    pub fn check(&self, envelope: &Envelope) -> Result<(), Failure> {
        self.of(envelope)?.check(envelope)
    }

    /// Who handles `envelope`, which must come from the owner of its type: nobody speaks for another.
    fn of(&self, envelope: &Envelope) -> Result<&dyn AnyHandler, Failure> {
        let (event_type, handler) = self.by_type.get(envelope.event_type.as_str()).ok_or(Failure::NoHandler)?;
        if envelope.source.strip_prefix('/') != Some(event_type.owner) {
            return Err(Failure::Undecodable(format!(
                "its source is not {}, whose event it would be",
                event_type.owner
            )));
        }
        Ok(handler.as_ref())
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_type.keys()).finish()
    }
}

trait AnyHandler: Send + Sync {
    fn check(&self, envelope: &Envelope) -> Result<(), Failure>;
    fn handle<'a>(&'a self, tx: &'a mut UnitOfWork, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), Failure>>;
}

struct Typed<H, E> {
    handler: H,
    event: PhantomData<fn(E)>,
}

impl<E: Event, H: Handler<E>> AnyHandler for Typed<H, E> {
    fn handle<'a>(&'a self, tx: &'a mut UnitOfWork, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let event: E = parse(envelope)?;
            Ok(self.handler.handle(tx, &event).await?)
        })
    }

    fn check(&self, envelope: &Envelope) -> Result<(), Failure> {
        parse::<E>(envelope).map(drop)
    }
}

struct Observing<O>(O);

impl<O: Observer> AnyHandler for Observing<O> {
    fn handle<'a>(&'a self, tx: &'a mut UnitOfWork, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { Ok(self.0.observe(tx, envelope).await?) })
    }

    fn check(&self, _: &Envelope) -> Result<(), Failure> {
        Ok(())
    }
}

fn parse<E: Event>(envelope: &Envelope) -> Result<E, Failure> {
    let version = envelope.version().ok_or_else(|| Failure::Undecodable("its dataschema names no version".into()))?;
    if version > E::VERSION {
        return Err(Failure::NewerVersion(version));
    }
    let event: E = serde_json::from_str(envelope.data.get()).map_err(|error| unreadable(&error))?;
    if event.subject() != envelope.subject {
        return Err(Failure::Undecodable("data and subject name different subjects".into()));
    }
    Ok(event)
}

/// Within a version a type can only grow: by fields, which are ignored, and by values, which serde names in one way.
fn unreadable(error: &serde_json::Error) -> Failure {
    let text = error.to_string();
    if text.starts_with("unknown variant") { Failure::UnknownValue(text) } else { Failure::Undecodable(text) }
}
