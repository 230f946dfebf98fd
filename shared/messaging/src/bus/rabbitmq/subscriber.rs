//! Receiving: the service's queue, and the owners' histories.

use std::time::Duration;

use event::EventType;
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use lapin::{
    Channel, Consumer,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};

use super::{
    amqp::{dead_letters_of, history_of, is_not_found, short, table, text},
    link::{Link, within},
    queues::{declare_dead_letters, declare_queue},
};
use crate::bus::{BusError, Deliveries, Delivery, HistoryFrom, Subscriber, Topology};

/// How many messages a consumer holds. One number for all replicas and modes: a smaller one after a crash would reorder
/// what is returned.
const PREFETCH: u16 = 256;
/// How often somebody who waits for a delivery looks whether the channel is still there.
const LOOK: Duration = Duration::from_secs(2);

/// The receiving half of a service.
pub(super) struct RabbitSubscriber {
    link: Link,
    topology: Topology,
}

impl RabbitSubscriber {
    pub fn new(link: Link, topology: Topology) -> Self {
        Self { link, topology }
    }

    async fn is_there(&mut self, queue: &str) -> Result<bool, BusError> {
        let channel = self.link.channel().await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = short(queue)?;
        within(async {
            match channel.queue_declare(queue, passive, FieldTable::default()).await {
                Ok(_) => Ok(true),
                Err(error) if is_not_found(&error) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// Each binding on a channel that may be thrown away: an exchange that is not there closes it.
    async fn declare_and_bind(&mut self) -> Result<Vec<EventType>, BusError> {
        declare_queue(&mut self.link, self.topology.service).await?;
        let mut channel = self.link.channel().await?;
        let mut missing = Vec::new();
        for event in self.topology.reacts_to.clone() {
            if !channel.status().connected() {
                channel = self.link.channel().await?;
            }
            if !within(bind(&channel, self.topology.service, event.name)).await? {
                missing.push(event);
            }
        }
        // It may be closed already; then there is nothing to close.
        let _ = within(async { Ok(channel.close(200, "bye".into()).await?) }).await;
        Ok(missing)
    }

    async fn start(&mut self) -> Result<Box<dyn Deliveries>, BusError> {
        let channel = self.link.channel().await?;
        let consumer = within(consume(&channel, self.topology.service, FieldTable::default())).await?;
        Ok(Box::new(Consuming { channel, consumer, connection: None, dead_letters: false }))
    }

    /// Declared here as well: whoever drains it may be there before the router.
    async fn drain(&mut self) -> Result<Option<Box<dyn Deliveries>>, BusError> {
        declare_dead_letters(&mut self.link, self.topology.service).await?;
        let channel = self.link.channel().await?;
        let queue = dead_letters_of(self.topology.service);
        let consumer = within(consume(&channel, &queue, FieldTable::default())).await?;
        Ok(Some(Box::new(Consuming { channel, consumer, connection: None, dead_letters: true })))
    }

    async fn read(&mut self, owner: &'static str, from: HistoryFrom) -> Result<Option<Box<dyn Deliveries>>, BusError> {
        let history = history_of(owner);
        if !self.is_there(&history).await? {
            return Ok(None);
        }
        // On a connection of its own: a hard error of a stream reader closes the whole connection.
        let mut link = self.link.another(format!("{} reads {history}", self.topology.service));
        let channel = link.channel().await?;
        let consuming = within(consume(&channel, &history, table([("x-stream-offset", stream_offset(from))]))).await;
        // Of all that can be consumed, only a stream knows that argument.
        let consumer = consuming.map_err(|error| match error {
            BusError::Refused(reason) if reason.contains("x-stream-offset") => BusError::Refused(format!(
                "{history} is no stream: stop {owner}, delete it, start {owner} again and `fleet republish` from the day it \
                 was made"
            )),
            error => error,
        })?;
        Ok(Some(Box::new(Consuming { channel, consumer, connection: Some(link), dead_letters: false })))
    }
}

fn stream_offset(from: HistoryFrom) -> AMQPValue {
    match from {
        HistoryFrom::Offset(..=0) => text("first"),
        HistoryFrom::Offset(offset) => AMQPValue::LongLongInt(offset),
        HistoryFrom::Time(time) => AMQPValue::Timestamp(u64::try_from(time.as_second()).unwrap_or(0)),
        HistoryFrom::Last => text("last"),
    }
}

/// `false` if the exchange does not exist.
async fn bind(channel: &Channel, service: &str, exchange: &str) -> Result<bool, BusError> {
    let (queue, exchange) = (short(service)?, short(exchange)?);
    let (key, options) = (ShortString::default(), QueueBindOptions::default());
    match channel.queue_bind(queue, exchange, key, options, FieldTable::default()).await {
        Ok(()) => Ok(true),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn consume(channel: &Channel, queue: &str, arguments: FieldTable) -> Result<Consumer, BusError> {
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let (queue, tag) = (short(queue)?, ShortString::default());
    Ok(channel.basic_consume(queue, tag, BasicConsumeOptions::default(), arguments).await?)
}

impl Subscriber for RabbitSubscriber {
    fn queue_exists(&mut self) -> BoxFuture<'_, Result<bool, BusError>> {
        self.is_there(self.topology.service).boxed()
    }

    fn bind(&mut self) -> BoxFuture<'_, Result<Vec<EventType>, BusError>> {
        self.declare_and_bind().boxed()
    }

    fn consume(&mut self) -> BoxFuture<'_, Result<Box<dyn Deliveries>, BusError>> {
        self.start().boxed()
    }

    fn read_history(
        &mut self,
        owner: &'static str,
        from: HistoryFrom,
    ) -> BoxFuture<'_, Result<Option<Box<dyn Deliveries>>, BusError>> {
        self.read(owner, from).boxed()
    }

    fn dead_letters(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Deliveries>>, BusError>> {
        self.drain().boxed()
    }

    fn reconnects(&self) -> u64 {
        self.link.reconnects()
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.link.close().boxed()
    }
}

/// A consumer on its channel; a history's has its own connection.
struct Consuming {
    channel: Channel,
    consumer: Consumer,
    connection: Option<Link>,
    dead_letters: bool,
}

impl Consuming {
    /// Nobody may wait for ever on a channel that is gone: a consumer is not always told so.
    async fn until_delivery(&mut self) -> Option<lapin::Result<lapin::message::Delivery>> {
        loop {
            match tokio::time::timeout(LOOK, self.consumer.next()).await {
                Ok(next) => return next,
                Err(_) if self.channel.status().connected() => {}
                Err(_) => return None,
            }
        }
    }
}

impl Deliveries for Consuming {
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>> {
        // Any error, and the end as well, means that this channel is dead.
        async {
            let delivery = self.until_delivery().await?.ok()?;
            Some(if self.dead_letters { deliver_dead(delivery) } else { deliver(delivery) })
        }
        .boxed()
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        async move {
            // The channel before the consumer: dropping a consumer cancels it, and a cancel would start the stand-by
            // replica while messages are still unsettled here.
            let closing = self.channel.close(200, "bye".into());
            let _ = tokio::time::timeout(Duration::from_secs(2), closing).await;
            if let Some(connection) = &mut self.connection {
                connection.close().await;
            }
        }
        .boxed()
    }
}

/// A dead letter came through the exchange of dead letters; its headers say through which it came first, and why it is
/// here. Read only in this queue: anywhere else they are what some publisher made up.
fn deliver_dead(delivery: lapin::message::Delivery) -> Delivery {
    let header = |name: &str| match delivery.properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    };
    let exchange = header("x-first-death-exchange");
    let reason = header("x-first-death-reason").unwrap_or_else(|| "no reason given".into());
    let dead = deliver(delivery);
    Delivery { exchange: exchange.unwrap_or_else(|| dead.exchange.clone()), dead_letter_reason: Some(reason), ..dead }
}

fn deliver(delivery: lapin::message::Delivery) -> Delivery {
    let acker = delivery.acker;
    let headers = delivery.properties.headers().as_ref();
    let offset = headers.and_then(|headers| match headers.inner().get("x-stream-offset") {
        Some(AMQPValue::LongLongInt(offset)) => Some(*offset),
        _ => None,
    });
    Delivery {
        message_id: delivery.properties.message_id().as_ref().map(ToString::to_string),
        exchange: delivery.exchange.to_string(),
        redelivered: delivery.redelivered,
        offset,
        dead_letter_reason: None,
        body: delivery.data,
        settle: Box::new(move || {
            // `Ok(false)`: the channel is gone or poisoned. Not acknowledged, so it comes again. With a time limit, because
            // lapin leaves some acks without an answer that were asked for in the moment in which a connection broke.
            async move {
                let acknowledged = within(async { Ok(acker.ack(BasicAckOptions::default()).await?) }).await;
                acknowledged.unwrap_or(false)
            }
            .boxed()
        }),
    }
}
