//! One conformance suite for every bus: what the relay and the router rely on.

use std::time::Duration;

use event::{EventType, TraceContext};
use messaging::bus::{
    Bus, Deliveries, Delivery, HistoryFrom, Message, Publisher, Topology, memory::MemoryBus, rabbitmq::RabbitMq,
};
use secrecy::SecretString;
use uuid::Uuid;

/// An owner with two events and a subscriber of both, under names that nobody else has.
struct Parties {
    owner: Topology,
    reader: Topology,
    other: Topology,
}

fn unique(what: &str) -> &'static str {
    Box::leak(format!("{what}_{}", Uuid::now_v7().simple()).into_boxed_str())
}

impl Parties {
    fn new() -> Self {
        let owner = unique("owner");
        let events = ["created", "closed"].map(|event| EventType { name: unique(event), owner }).to_vec();
        let subscriber = |name| Topology { service: unique(name), publishes: Vec::new(), reacts_to: events.clone() };
        Self {
            owner: Topology { service: owner, publishes: events.clone(), reacts_to: Vec::new() },
            reader: subscriber("reader"),
            other: subscriber("other"),
        }
    }

    fn message(&self, event: usize, body: &str) -> Message {
        let id = Uuid::now_v7();
        Message {
            id,
            exchange: self.owner.publishes[event].name.to_owned(),
            correlation_id: id,
            timestamp: 1_795_000_000,
            trace: TraceContext {
                traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
                tracestate: None,
            },
            body: body.as_bytes().to_vec(),
        }
    }
}

/// Publishes and expects every message to be confirmed; in a task, because the bus in memory confirms what is settled.
fn publish(mut publisher: Box<dyn Publisher>, batch: Vec<Message>) -> tokio::task::JoinHandle<Box<dyn Publisher>> {
    tokio::spawn(async move {
        let count = batch.len();
        assert_eq!(publisher.publish(batch).await.unwrap().len(), count);
        publisher
    })
}

async fn next(deliveries: &mut dyn Deliveries) -> Delivery {
    let next = tokio::time::timeout(Duration::from_secs(10), deliveries.next()).await;
    next.expect("a message within 10 s").expect("an open channel")
}

async fn bodies(deliveries: &mut dyn Deliveries, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    for _ in 0..count {
        let delivery = next(deliveries).await;
        bodies.push(String::from_utf8(delivery.body.clone()).unwrap());
        assert!(delivery.ack().await);
    }
    bodies
}

/// What a service does first.
async fn joined(bus: &dyn Bus, topology: &Topology) -> Box<dyn Deliveries> {
    let mut subscriber = bus.subscriber(topology);
    assert!(subscriber.bind().await.unwrap().is_empty(), "every exchange exists");
    let deliveries = subscriber.consume().await.unwrap();
    // The connection lives as long as the test.
    std::mem::forget(subscriber);
    deliveries
}

async fn every_bound_service_gets_every_message_in_order(bus: &dyn Bus) {
    let parties = Parties::new();
    let mut publisher = bus.publisher(&parties.owner);
    publisher.prepare().await.unwrap();
    let (mut reader, mut other) = (joined(bus, &parties.reader).await, joined(bus, &parties.other).await);
    let batch: Vec<_> = (0..20).map(|n| parties.message(n % 2, &n.to_string())).collect();
    let first = batch[0].clone();
    let publishing = publish(publisher, batch);
    let expected: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    let delivery = next(reader.as_mut()).await;
    assert_eq!(delivery.message_id, Some(first.id.to_string()));
    assert_eq!(delivery.exchange, first.exchange);
    assert_eq!((delivery.redelivered, delivery.offset), (false, None));
    assert!(delivery.ack().await);
    assert_eq!(bodies(reader.as_mut(), 19).await, expected[1..]);
    assert_eq!(bodies(other.as_mut(), 20).await, expected);
    publishing.await.unwrap();
}

async fn what_is_not_settled_comes_again_in_its_place(bus: &dyn Bus) {
    let parties = Parties::new();
    let mut publisher = bus.publisher(&parties.owner);
    publisher.prepare().await.unwrap();
    let mut reader = joined(bus, &parties.reader).await;
    let publishing = publish(publisher, (0..5).map(|n| parties.message(0, &n.to_string())).collect());
    assert!(next(reader.as_mut()).await.ack().await);
    let held = next(reader.as_mut()).await;
    drop((held, next(reader.as_mut()).await));
    reader.close().await;

    let mut reader = joined(bus, &parties.reader).await;
    let again = next(reader.as_mut()).await;
    assert!(again.redelivered);
    assert_eq!(again.body, b"1");
    assert!(again.ack().await);
    assert_eq!(bodies(reader.as_mut(), 3).await, ["2", "3", "4"]);
    publishing.await.unwrap();
}

async fn an_exchange_that_is_not_there_yet_is_named_and_bound_later(bus: &dyn Bus) {
    let parties = Parties::new();
    let mut subscriber = bus.subscriber(&parties.reader);
    assert!(!subscriber.queue_exists().await.unwrap());
    assert_eq!(subscriber.bind().await.unwrap(), parties.reader.reacts_to);
    assert!(subscriber.queue_exists().await.unwrap());
    assert!(subscriber.read_history(parties.owner.service, HistoryFrom::Offset(0)).await.unwrap().is_none());
    let mut publisher = bus.publisher(&parties.owner);
    publisher.prepare().await.unwrap();
    assert!(subscriber.bind().await.unwrap().is_empty());
    let mut reader = subscriber.consume().await.unwrap();
    let publishing = publish(publisher, vec![parties.message(1, "late")]);
    assert_eq!(bodies(reader.as_mut(), 1).await, ["late"]);
    publishing.await.unwrap();
}

async fn a_history_has_everything_from_any_offset(bus: &dyn Bus) {
    let parties = Parties::new();
    let mut publisher = bus.publisher(&parties.owner);
    publisher.prepare().await.unwrap();
    // Nobody is bound: what is confirmed is in the history all the same.
    let publishing = publish(publisher, (0..10).map(|n| parties.message(n % 2, &n.to_string())).collect());
    let publisher = publishing.await.unwrap();
    let mut subscriber = bus.subscriber(&parties.reader);
    for from in [0, 7] {
        let mut history =
            subscriber.read_history(parties.owner.service, HistoryFrom::Offset(from)).await.unwrap().unwrap();
        for offset in from..10 {
            let delivery = next(history.as_mut()).await;
            assert_eq!((delivery.offset, delivery.body.clone()), (Some(offset), offset.to_string().into_bytes()));
            assert!(delivery.ack().await);
        }
        history.close().await;
    }
    // And it goes on with what is published while it is read.
    let mut history = subscriber.read_history(parties.owner.service, HistoryFrom::Offset(9)).await.unwrap().unwrap();
    publish(publisher, vec![parties.message(0, "new")]).await.unwrap();
    assert_eq!(bodies(history.as_mut(), 2).await, ["9", "new"]);
    history.close().await;
}

async fn an_offset_beyond_the_end_shows_nothing_until_it_is_reached(bus: &dyn Bus) {
    let parties = Parties::new();
    let mut publisher = bus.publisher(&parties.owner);
    publisher.prepare().await.unwrap();
    publish(publisher, vec![parties.message(0, "0")]).await.unwrap();
    let mut subscriber = bus.subscriber(&parties.reader);
    // A reader whose cursor belongs to a longer stream must be able to tell: it sees nothing old.
    let mut history = subscriber.read_history(parties.owner.service, HistoryFrom::Offset(100)).await.unwrap().unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(500), history.next()).await.is_err());
    history.close().await;
}

async fn what_goes_nowhere_is_not_confirmed(bus: &dyn Bus) {
    let parties = Parties::new();
    let mut publisher = bus.publisher(&parties.owner);
    publisher.prepare().await.unwrap();
    let mut lost = parties.message(0, "lost");
    unique("nowhere").clone_into(&mut lost.exchange);
    assert!(publisher.publish(vec![lost]).await.is_err());
    publisher.prepare().await.unwrap();
    publish(publisher, vec![parties.message(0, "found")]).await.unwrap();
}

/// Runs every part on a bus.
macro_rules! conforms {
    ($bus:expr, $($part:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $part() {
            super::$part(&$bus).await;
        })+
    };
}

mod memory {
    use super::*;

    conforms!(
        MemoryBus::new(),
        every_bound_service_gets_every_message_in_order,
        what_is_not_settled_comes_again_in_its_place,
        an_exchange_that_is_not_there_yet_is_named_and_bound_later,
        a_history_has_everything_from_any_offset,
        an_offset_beyond_the_end_shows_nothing_until_it_is_reached,
        what_goes_nowhere_is_not_confirmed,
    );

    #[tokio::test]
    async fn a_publish_is_confirmed_only_when_every_subscriber_has_settled_it() {
        let (bus, parties) = (MemoryBus::new(), Parties::new());
        let mut publisher = bus.publisher(&parties.owner);
        publisher.prepare().await.unwrap();
        let (mut reader, mut other) = (joined(&bus, &parties.reader).await, joined(&bus, &parties.other).await);
        let publishing = publish(publisher, vec![parties.message(0, "0")]);
        assert_eq!(bodies(reader.as_mut(), 1).await, ["0"]);
        let held = next(other.as_mut()).await;
        tokio::task::yield_now().await;
        assert!(!publishing.is_finished());
        assert!(held.ack().await);
        publishing.await.unwrap();
    }

    #[tokio::test]
    async fn what_a_publisher_has_given_up_on_is_not_delivered() {
        let (bus, parties) = (MemoryBus::new(), Parties::new());
        let mut publisher = bus.publisher(&parties.owner);
        publisher.prepare().await.unwrap();
        let mut reader = joined(&bus, &parties.reader).await;
        let publishing = publish(publisher, vec![parties.message(0, "given up")]);
        tokio::task::yield_now().await;
        publishing.abort();
        assert!(publishing.await.is_err());
        let mut publisher = bus.publisher(&parties.owner);
        publisher.prepare().await.unwrap();
        let publishing = publish(publisher, vec![parties.message(0, "kept")]);
        assert_eq!(bodies(reader.as_mut(), 1).await, ["kept"]);
        publishing.await.unwrap();
    }
}

mod rabbit {
    use super::*;

    /// The vhost's administrator, because these parties have names that no service's user may use.
    fn broker() -> RabbitMq {
        let url = std::env::var("TEST_AMQP_URL").expect("TEST_AMQP_URL is not set: run the tests by scripts/test");
        RabbitMq::new(SecretString::from(url), 30).unwrap()
    }

    conforms!(
        broker(),
        every_bound_service_gets_every_message_in_order,
        what_is_not_settled_comes_again_in_its_place,
        an_exchange_that_is_not_there_yet_is_named_and_bound_later,
        a_history_has_everything_from_any_offset,
        an_offset_beyond_the_end_shows_nothing_until_it_is_reached,
        what_goes_nowhere_is_not_confirmed,
    );

    #[tokio::test]
    async fn a_returned_message_is_not_published_and_its_neighbours_are() {
        let (bus, parties) = (broker(), Parties::new());
        let mut publisher = bus.publisher(&parties.owner);
        publisher.prepare().await.unwrap();
        // Without the history's binding, and nobody else bound, the second event's messages are returned.
        let admin = std::env::var("TEST_AMQP_URL").unwrap();
        let connection = lapin::Connection::connect(&admin, lapin::ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let history = format!("{}.history", parties.owner.service);
        let exchange = parties.owner.publishes[1].name;
        channel
            .queue_unbind(history.into(), exchange.into(), "".into(), lapin::types::FieldTable::default())
            .await
            .unwrap();

        let batch: Vec<_> = (0..100).map(|n| parties.message(n % 2, &n.to_string())).collect();
        let kept: std::collections::HashSet<_> = batch.iter().step_by(2).map(|message| message.id).collect();
        assert_eq!(publisher.publish(batch).await.unwrap(), kept);

        // The channel was dropped over it, so the topology is declared again, and now nothing is returned.
        publisher.prepare().await.unwrap();
        publish(publisher, vec![parties.message(1, "bound again")]).await.unwrap();
    }
}
