//! The broker as an operator uses it: reading histories, publishing copies and poison, taking things away.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
        QueueDeclareOptions, QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable, ShortString},
};
use serde_json::Value;
use tokio::time::timeout;
use uuid::Uuid;

use crate::eventually::PATIENCE;

/// Whoever reads a history that has nothing new for so long has read it.
const IDLE: Duration = Duration::from_secs(5);

/// A connection to the fleet's vhost.
#[derive(Debug)]
pub struct Broker {
    connection: Connection,
}

/// An event as it stands in a history.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub id: Uuid,
    pub exchange: String,
    pub customer_id: Uuid,
    /// Its position in its publisher's outbox.
    pub sequence: i64,
    pub envelope: Value,
    pub properties: BasicProperties,
    pub body: Vec<u8>,
}

impl Broker {
    /// Connects as the user that `url` names.
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        Ok(Self { connection })
    }

    /// A new channel: an error closes it, so whoever expects one takes a channel for it.
    pub async fn channel(&self) -> anyhow::Result<Channel> {
        Ok(self.connection.create_channel().await?)
    }

    /// Publishes to an exchange and waits for the confirm.
    pub async fn publish(&self, exchange: &str, body: &[u8], properties: BasicProperties) -> anyhow::Result<()> {
        publish(&self.channel().await?, exchange, "", body, properties).await
    }

    /// Reads the history of `owner` from its first message until all of `ids` were there. Copies are given as well.
    pub async fn history(&self, owner: &str, ids: &[Uuid]) -> anyhow::Result<Vec<Recorded>> {
        let channel = self.channel().await?;
        let mut consumer = read_from_first(&channel, owner).await?;
        let mut wanted: HashSet<Uuid> = ids.iter().copied().collect();
        let mut found = Vec::new();
        while !wanted.is_empty() {
            let next = timeout(PATIENCE, consumer.next()).await;
            let delivery = next.with_context(|| format!("not in {owner}.history: {wanted:?}"))?.context("closed")??;
            delivery.ack(BasicAckOptions::default()).await?;
            // Poison has no envelope, and nobody asks for it here.
            if let Ok(recorded) = Recorded::read(delivery) {
                wanted.remove(&recorded.id);
                found.push(recorded);
            }
        }
        channel.close(200, "bye".into()).await?;
        Ok(found)
    }

    /// What the history of `owner` holds since about `since`: until all of `ids` were there, or nothing new comes.
    pub async fn history_since(
        &self,
        owner: &str,
        since: Timestamp,
        ids: &HashSet<Uuid>,
    ) -> anyhow::Result<Vec<Recorded>> {
        let channel = self.channel().await?;
        // By the broker's clock, and in whole chunks.
        let from = (since - SignedDuration::from_secs(60)).as_second().unsigned_abs();
        let mut consumer = read(&channel, owner, AMQPValue::Timestamp(from)).await?;
        let mut missing = ids.clone();
        let mut found = Vec::new();
        while !missing.is_empty()
            && let Ok(next) = timeout(IDLE, consumer.next()).await
        {
            let delivery = next.context("closed")??;
            delivery.ack(BasicAckOptions::default()).await?;
            // Poison has no envelope, and nobody asks for it here.
            if let Ok(recorded) = Recorded::read(delivery) {
                missing.remove(&recorded.id);
                found.push(recorded);
            }
        }
        channel.close(200, "bye".into()).await?;
        Ok(found)
    }

    /// How many messages are ready in `queue`; `None` if there is no such queue.
    pub async fn ready(&self, queue: &str) -> anyhow::Result<Option<u32>> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let asked = self.channel().await?.queue_declare(ShortString::from(queue), passive, FieldTable::default()).await;
        match asked {
            Ok(queue) => Ok(Some(queue.message_count())),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => bail!(error),
        }
    }

    /// Publishes what nobody can decode, and gives the id that services keep it by: made of the exchange and the message id,
    /// so that it is no event's.
    pub async fn publish_undecodable(&self, exchange: &str) -> anyhow::Result<Uuid> {
        let message_id = Uuid::now_v7().to_string();
        let properties = BasicProperties::default().with_message_id(message_id.as_str().into());
        self.publish(exchange, b"neither JSON nor an event", properties).await?;
        let of_exchange = Uuid::new_v5(&Uuid::NAMESPACE_OID, exchange.as_bytes());
        Ok(Uuid::new_v5(&of_exchange, message_id.as_bytes()))
    }

    /// Takes `queue` away, with what is in it.
    pub async fn delete_queue(&self, queue: &str) -> anyhow::Result<()> {
        let channel = self.channel().await?;
        channel.queue_delete(ShortString::from(queue), QueueDeleteOptions::default()).await?;
        Ok(())
    }

    /// Takes the binding of `queue` to the fanout `exchange` away.
    pub async fn unbind(&self, queue: &str, exchange: &str) -> anyhow::Result<()> {
        let channel = self.channel().await?;
        let (queue, exchange) = (ShortString::from(queue), ShortString::from(exchange));
        channel.queue_unbind(queue, exchange, ShortString::default(), FieldTable::default()).await?;
        Ok(())
    }

    /// Whether there is such a queue.
    pub async fn has_queue(&self, queue: &str) -> anyhow::Result<bool> {
        Ok(self.ready(queue).await?.is_some())
    }
}

fn is_not_found(error: &lapin::Error) -> bool {
    error.to_string().contains("NOT_FOUND")
}

/// Publishes on `channel` and waits for the confirm, or for the error that closes the channel.
pub async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> anyhow::Result<()> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let (exchange, key) = (ShortString::from(exchange), ShortString::from(key));
    let confirm = channel.basic_publish(exchange, key, BasicPublishOptions::default(), body, properties).await?;
    let confirmation = timeout(Duration::from_secs(10), confirm).await.context("no confirm")??;
    ensure!(confirmation.is_ack(), "{confirmation:?}");
    Ok(())
}

async fn read_from_first(channel: &Channel, owner: &str) -> anyhow::Result<lapin::Consumer> {
    read(channel, owner, AMQPValue::LongString("first".into())).await
}

async fn read(channel: &Channel, owner: &str, offset: AMQPValue) -> anyhow::Result<lapin::Consumer> {
    channel.basic_qos(256, BasicQosOptions::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), offset);
    let stream = ShortString::from(format!("{owner}.history"));
    Ok(channel.basic_consume(stream, ShortString::default(), BasicConsumeOptions::default(), arguments).await?)
}

impl Recorded {
    /// Publishes a copy, which names no sender: the broker lets nobody speak for another.
    pub async fn publish_copy(&self, broker: &Broker) -> anyhow::Result<()> {
        let mut properties = BasicProperties::default().with_type(ShortString::from(self.exchange.as_str()));
        if let Some(id) = self.properties.message_id() {
            properties = properties.with_message_id(id.clone());
        }
        broker.publish(&self.exchange, &self.body, properties).await
    }

    fn read(delivery: lapin::message::Delivery) -> anyhow::Result<Self> {
        let envelope: Value = serde_json::from_slice(&delivery.data)?;
        let text = |name: &str| envelope[name].as_str().with_context(|| format!("no {name}"));
        Ok(Self {
            id: text("id")?.parse()?,
            exchange: delivery.exchange.to_string(),
            customer_id: text("subject")?.parse()?,
            sequence: text("sequence")?.parse()?,
            properties: delivery.properties,
            body: delivery.data,
            envelope,
        })
    }
}

/// Fails unless each customer's events came in the order in which their publisher recorded them. A copy of an earlier one
/// is no disorder: it was there before.
pub fn ensure_ordered(history: &[Recorded]) -> anyhow::Result<()> {
    let mut seen = HashSet::new();
    let mut last = HashMap::new();
    for event in history.iter().filter(|event| seen.insert(event.id)) {
        let before = last.insert(event.customer_id, event.sequence);
        ensure!(before < Some(event.sequence), "out of order after {before:?}: {event:?}");
    }
    Ok(())
}
