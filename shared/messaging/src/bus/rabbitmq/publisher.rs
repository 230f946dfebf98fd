//! Publishing: persistent, mandatory, with confirms; a whole batch within one deadline.

use std::{collections::HashSet, time::Duration};

use event::CONTENT_TYPE;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use lapin::{
    BasicProperties, Channel, Confirmation, ExchangeKind, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions},
    types::{AMQPValue, FieldTable, LongString, ShortString},
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    amqp::{history_of, short},
    link::{Link, within},
    queues::declare_history,
};
use crate::bus::{BusError, Message, Publisher, Topology};

/// How long a batch may wait for its confirms; what is unconfirmed then stays in the outbox.
const DEADLINE: Duration = Duration::from_secs(5);
/// AMQP's number for "survives a restart of the broker".
const PERSISTENT: u8 = 2;

/// The sending half of a service.
pub(super) struct RabbitPublisher {
    link: Link,
    topology: Topology,
    history_days: u32,
    channel: Option<Channel>,
}

impl RabbitPublisher {
    pub fn new(link: Link, topology: Topology, history_days: u32) -> Self {
        Self { link, topology, history_days, channel: None }
    }

    async fn open(&mut self) -> Result<(), BusError> {
        if self.link.is_connected() && self.channel.as_ref().is_some_and(|channel| channel.status().connected()) {
            return Ok(());
        }
        self.channel = None;
        // Nothing is written to a blocked connection, not even the wish for a channel; and giving it up for a new one, which
        // is blocked only when it publishes, would hide the alarm.
        if self.link.is_blocked() {
            return Ok(());
        }
        // Whoever publishes nothing has no history.
        if !self.topology.publishes.is_empty() {
            declare_history(&mut self.link, self.topology.service, self.history_days).await?;
        }
        let channel = self.link.channel().await?;
        within(declare(&channel, &self.topology)).await?;
        self.channel = Some(channel);
        Ok(())
    }

    async fn publish_batch(&mut self, batch: Vec<Message>) -> Result<HashSet<Uuid>, BusError> {
        let Some(channel) = self.channel.clone() else { return Err(BusError::Unreachable("no channel".into())) };
        let user: ShortString = short(&self.link.user())?;
        let mut tally = Tally::default();
        let deadline = Instant::now() + DEADLINE;
        let all = send_all(&channel, &self.topology, &user, batch, &mut tally);
        let in_time = tokio::time::timeout_at(deadline, all).await.is_ok();
        if !in_time || !tally.is_clean() {
            // Whatever is still under way belongs to the old channel; the next turn declares the topology again.
            self.channel = None;
        }
        tally.published()
    }
}

/// What came back for a batch.
#[derive(Default)]
struct Tally {
    acked: HashSet<Uuid>,
    returned: HashSet<String>,
    nacked: usize,
    error: Option<BusError>,
}

impl Tally {
    fn count(&mut self, id: Uuid, result: Result<Confirmation, lapin::Error>) {
        let confirmation = match result {
            Ok(confirmation) => confirmation,
            Err(error) => return self.fail(error.into()),
        };
        if confirmation.is_ack() {
            self.acked.insert(id);
        } else {
            self.nacked += 1;
        }
        // Identified by its own message id: lapin may hand a return out with another message's confirm.
        if let Some(message) = confirmation.take_message() {
            let id = message.delivery.properties.message_id().as_ref().map(ToString::to_string);
            self.returned.extend(id);
        }
    }

    /// The broker's reason outweighs the errors that follow from it.
    fn fail(&mut self, error: BusError) {
        if !matches!(self.error, Some(BusError::Refused(_))) {
            self.error = Some(error);
        }
    }

    fn is_clean(&self) -> bool {
        self.error.is_none() && self.returned.is_empty() && self.nacked == 0
    }

    fn published(self) -> Result<HashSet<Uuid>, BusError> {
        let Self { mut acked, returned, error, .. } = self;
        acked.retain(|id| !returned.contains(&id.to_string()));
        match error {
            // What was confirmed before the error is confirmed all the same.
            Some(error) if acked.is_empty() => Err(error),
            _ => Ok(acked),
        }
    }
}

async fn send_all(channel: &Channel, topology: &Topology, user: &ShortString, batch: Vec<Message>, tally: &mut Tally) {
    let mut confirms = FuturesUnordered::new();
    for message in batch {
        match send(channel, topology, user, &message).await {
            Ok(confirm) => confirms.push(confirm.map(move |result| (message.id, result))),
            Err(error) => {
                tally.fail(error);
                break;
            }
        }
    }
    while let Some((id, result)) = confirms.next().await {
        tally.count(id, result);
    }
}

async fn send(
    channel: &Channel,
    topology: &Topology,
    user: &ShortString,
    message: &Message,
) -> Result<PublisherConfirm, BusError> {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties = properties(topology.service, user, message)?;
    let exchange = short(&message.exchange)?;
    Ok(channel.basic_publish(exchange, ShortString::default(), options, &message.body, properties).await?)
}

/// What brokers and tools look at; subscribers of ours read the envelope.
fn properties(service: &'static str, user: &ShortString, message: &Message) -> Result<BasicProperties, BusError> {
    let mut headers = FieldTable::default();
    for (name, value) in [("traceparent", &message.trace.traceparent), ("tracestate", &message.trace.tracestate)] {
        if let Some(value) = value {
            headers.insert(name.into(), AMQPValue::LongString(LongString::from(value.as_str())));
        }
    }
    Ok(BasicProperties::default()
        .with_content_type(CONTENT_TYPE.into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short(&message.id.to_string())?)
        .with_correlation_id(short(&message.correlation_id.to_string())?)
        .with_type(short(&message.exchange)?)
        .with_app_id(service.into())
        .with_user_id(user.clone())
        .with_timestamp(message.timestamp)
        .with_headers(headers))
}

/// The owner's exchanges, and its history bound to all of them before anything is published.
async fn declare(channel: &Channel, topology: &Topology) -> Result<(), BusError> {
    let history = short(&history_of(topology.service))?;
    for event in &topology.publishes {
        let exchange = short(event.name)?;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(exchange.clone(), ExchangeKind::Fanout, durable, FieldTable::default()).await?;
        let (key, options) = (ShortString::default(), QueueBindOptions::default());
        channel.queue_bind(history.clone(), exchange, key, options, FieldTable::default()).await?;
    }
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(())
}

impl Publisher for RabbitPublisher {
    fn prepare(&mut self) -> BoxFuture<'_, Result<(), BusError>> {
        self.open().boxed()
    }

    fn abandon(&mut self) {
        self.channel = None;
    }

    fn is_blocked(&self) -> bool {
        self.link.is_blocked()
    }

    fn reconnects(&self) -> u64 {
        self.link.reconnects()
    }

    fn publish(&mut self, batch: Vec<Message>) -> BoxFuture<'_, Result<HashSet<Uuid>, BusError>> {
        self.publish_batch(batch).boxed()
    }
}
