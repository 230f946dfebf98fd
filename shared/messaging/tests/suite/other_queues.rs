//! Queues and histories that are there already, made by another release or by hand, on the real RabbitMQ.

use event::EventType;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};
use messaging::bus::{Bus, BusError, HistoryFrom, Topology, rabbitmq::RabbitMq};
use secrecy::SecretString;
use uuid::Uuid;

struct Broker {
    bus: RabbitMq,
    channel: Channel,
    connection: Connection,
}

impl Broker {
    async fn new() -> Self {
        let url = std::env::var("TEST_AMQP_URL").expect("TEST_AMQP_URL is not set: run the tests by scripts/test");
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self { bus: RabbitMq::new(SecretString::from(url), 30).unwrap(), channel, connection }
    }

    async fn make(&self, queue: &str, arguments: &[(&'static str, AMQPValue)]) {
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert((*name).into(), value.clone());
        }
        self.channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), table).await.unwrap();
    }

    async fn delete(&self, queue: &str) -> u32 {
        let channel = self.connection.create_channel().await.unwrap();
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap()
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn unique(what: &str) -> &'static str {
    Box::leak(format!("{what}_{}", Uuid::now_v7().simple()).into_boxed_str())
}

fn reader(service: &'static str) -> Topology {
    Topology { service, publishes: Vec::new(), reacts_to: Vec::new() }
}

fn refused<T>(result: Result<T, BusError>) -> String {
    match result {
        Err(BusError::Refused(reason)) => reason,
        Err(other) => panic!("not refused, but: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

/// As the release before has made it, which knew no limits in bytes.
#[tokio::test]
async fn a_queue_with_other_limits_will_do() {
    let (broker, service) = (Broker::new().await, unique("reader"));
    let dead = format!("{service}.dead");
    let quorum = ("x-queue-type", text("quorum"));
    let older = [
        quorum.clone(),
        ("x-single-active-consumer", AMQPValue::Boolean(true)),
        ("x-delivery-limit", AMQPValue::LongInt(20)),
        ("x-dead-letter-exchange", text(&dead)),
    ];
    broker.make(service, &older).await;
    broker.make(&dead, &[quorum]).await;
    let mut subscriber = broker.bus.subscriber(&reader(service));
    assert!(subscriber.bind().await.unwrap().is_empty());
    subscriber.consume().await.unwrap().close().await;
    for queue in [service, &dead] {
        broker.delete(queue).await;
    }
}

#[tokio::test]
async fn a_queue_that_can_not_keep_the_promises_is_refused_in_words() {
    let broker = Broker::new().await;
    let quorum = ("x-queue-type", text("quorum"));
    let dead_letters = ("x-dead-letter-exchange", text("dead"));
    let alone = ("x-single-active-consumer", AMQPValue::Boolean(true));
    for (arguments, named) in [
        (vec![("x-queue-type", text("classic")), alone.clone(), dead_letters.clone()], "x-queue-type is classic"),
        (vec![quorum.clone(), dead_letters], "x-single-active-consumer is not set"),
        (vec![quorum.clone(), alone], "x-dead-letter-exchange is not set"),
    ] {
        let service = unique("reader");
        let dead = format!("{service}.dead");
        let own = |(name, value)| (name, if value == text("dead") { text(&dead) } else { value });
        broker.make(service, &arguments.into_iter().map(own).collect::<Vec<_>>()).await;
        let mut subscriber = broker.bus.subscriber(&reader(service));
        for _ in 0..2 {
            let reason = refused(subscriber.bind().await);
            for part in [service, named, "delete it"] {
                assert!(reason.contains(part), "{reason}");
            }
        }
        broker.delete(service).await;
        broker.delete(&dead).await;
    }
}

#[tokio::test]
async fn a_history_that_is_no_stream_is_refused_and_nothing_of_it_is_taken() {
    let (broker, owner) = (Broker::new().await, unique("owner"));
    let history = format!("{owner}.history");
    broker.make(&history, &[("x-queue-type", text("classic"))]).await;
    let options = BasicPublishOptions::default();
    broker
        .channel
        .basic_publish("".into(), history.as_str().into(), options, b"{}", BasicProperties::default())
        .await
        .unwrap();

    let event = EventType { name: unique("created"), owner };
    let owns = Topology { service: owner, publishes: vec![event], reacts_to: Vec::new() };
    let reason = refused(broker.bus.publisher(&owns).prepare().await);
    for part in [history.as_str(), "x-queue-type", "delete it"] {
        assert!(reason.contains(part), "{reason}");
    }
    let mut subscriber = broker.bus.subscriber(&reader(unique("reader")));
    for from in [HistoryFrom::Offset(0), HistoryFrom::Last] {
        let reason = refused(subscriber.read_history(owner, from).await);
        assert!(reason.contains(&history) && reason.contains("stream"), "{reason}");
    }
    subscriber.close().await;
    assert_eq!(broker.delete(&history).await, 1, "its message is still there");
}
