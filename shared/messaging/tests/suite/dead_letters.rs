//! What the broker itself gives up on, on the real RabbitMQ.

use event::{Event, EventType};
use futures_util::StreamExt;
use jiff::SignedDuration;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{
        BasicConsumeOptions, BasicPublishOptions, BasicRejectOptions, ExchangeDeleteOptions, QueueDeclareOptions,
        QueueDeleteOptions,
    },
    types::FieldTable,
};
use messaging::{
    audit::Operator,
    bus::{Bus, CatchUpPolicy, Topology, rabbitmq::RabbitMq},
    database::Database,
    health::Health,
    parked::dead_letters::DeadLetters,
    testing::{
        self,
        orders::{OrderCompleted, OrderPlaced, order, placed},
        stage::{Stage, envelope},
    },
    worker,
};
use secrecy::SecretString;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A queue of a service that does not consume it just now, on the broker.
struct Queue {
    broker: RabbitMq,
    topology: Topology,
    exchange: &'static str,
    channel: Channel,
    _connection: Connection,
}

impl Queue {
    /// Bound to the events of type `E`, which no other test here publishes on the broker.
    async fn new<E: Event>() -> Self {
        let url = std::env::var("TEST_AMQP_URL").expect("TEST_AMQP_URL is not set: run the tests by scripts/test");
        let broker = RabbitMq::new(SecretString::from(url.clone()), 30).unwrap();
        let event = EventType::of::<E>();
        let owner = Topology { service: E::OWNER, publishes: vec![event], reacts_to: Vec::new() };
        broker.publisher(&owner).prepare().await.unwrap();
        let service = Box::leak(format!("reader_{}", Uuid::now_v7().simple()).into_boxed_str());
        let topology = Topology { service, publishes: Vec::new(), reacts_to: vec![event] };
        assert!(broker.subscriber(&topology).bind().await.unwrap().is_empty());
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self { broker, topology, exchange: E::TYPE, channel, _connection: connection }
    }

    /// Publishes `body`, which the broker drops soon: it may be no older than a millisecond.
    async fn expire(&self, body: &[u8]) {
        let properties = BasicProperties::default().with_delivery_mode(2).with_expiration("1".into());
        let options = BasicPublishOptions::default();
        self.channel.basic_publish(self.exchange.into(), "".into(), options, body, properties).await.unwrap();
    }

    /// How many wait there.
    async fn dead_letters(&self) -> u32 {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let dead = format!("{}.dead", self.topology.service);
        let queue = self.channel.queue_declare(dead.as_str().into(), passive, FieldTable::default()).await.unwrap();
        queue.message_count()
    }

    /// Publishes each body, and has the broker give it up: it is refused instead of handled.
    async fn give_up(&self, bodies: Vec<Vec<u8>>) {
        let (queue, options) = (self.topology.service.into(), BasicConsumeOptions::default());
        let consuming = self.channel.basic_consume(queue, "a test".into(), options, FieldTable::default());
        let mut consumer = consuming.await.unwrap();
        for body in bodies {
            let (options, persistent) =
                (BasicPublishOptions::default(), BasicProperties::default().with_delivery_mode(2));
            self.channel.basic_publish(self.exchange.into(), "".into(), options, &body, persistent).await.unwrap();
            let delivery = consumer.next().await.unwrap().unwrap();
            assert!(delivery.acker.reject(BasicRejectOptions { requeue: false }).await.unwrap());
        }
        self.channel.basic_cancel("a test".into(), lapin::options::BasicCancelOptions::default()).await.unwrap();
    }

    /// Drains the dead letters into `database` until `last` is parked: whatever came before it has had its turn.
    async fn drain(&self, database: &Database, last: Uuid) {
        self.drain_with(testing::settling(), database, last).await;
    }

    async fn drain_with(&self, policy: CatchUpPolicy, database: &Database, last: Uuid) {
        let shutdown = CancellationToken::new();
        let dead_letters = DeadLetters::new(database.clone(), self.broker.subscriber(&self.topology), policy);
        let draining = tokio::spawn(worker::run(dead_letters, Health::default(), shutdown.clone()));
        let parked = || async { parked(database).await.iter().any(|(id, ..)| *id == last) };
        testing::eventually("the last dead letter is parked", parked).await;
        shutdown.cancel();
        draining.await.unwrap();
    }

    async fn delete(self) {
        let (queue, dead) = (self.topology.service, format!("{}.dead", self.topology.service));
        for queue in [queue, &dead] {
            self.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
        }
        self.channel.exchange_delete(dead.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
    }
}

type Parked = (Uuid, String, Option<Uuid>, String, String, String);

async fn parked(database: &Database) -> Vec<Parked> {
    sqlx::query_as("SELECT event_id, event_type, subject, state, reason, error FROM parked ORDER BY seq")
        .fetch_all(&database.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_the_broker_gave_up_is_dead_with_the_broker_s_reason_and_can_be_retried() {
    let (mut stage, queue) = (Stage::new().await, Queue::new::<OrderPlaced>().await);
    let (id, ada) = (Uuid::now_v7(), order());
    queue.give_up(vec![envelope(id, &placed(ada, "Ada"))]).await;
    let database = stage.reader.database.clone();
    queue.drain(&database, id).await;
    let dead = |id, event: &str, subject| {
        let error = "the broker gave it up: rejected".to_owned();
        (id, event.to_owned(), Some(subject), "dead".to_owned(), "given_up_by_broker".to_owned(), error)
    };
    assert_eq!(parked(&database).await, [dead(id, "order_placed", ada)]);
    let record = serde_json::to_value(stage.parked_operations().show(id).await.unwrap()).unwrap();
    assert_eq!(record["failures"][0]["reason"], "given_up_by_broker");
    assert_eq!(record["event"]["data"]["order_id"], json!(ada));

    // Its order's later messages wait for it, as for any other that is dead.
    stage.create(ada, "second").await;
    stage.settle().await;
    assert!(stage.effects().await.is_empty());
    stage.parked_operations().retry(id, &Operator("a test".into())).await.unwrap();
    stage.redrive().await;
    assert_eq!(stage.effects().await, ["Ada", "second"]);
    queue.delete().await;
}

#[tokio::test]
async fn what_the_service_has_handled_meanwhile_is_not_parked_and_forgotten_by_the_broker() {
    let (mut stage, queue) = (Stage::new().await, Queue::new::<OrderCompleted>().await);
    let database = stage.reader.database.clone();
    let completed = || OrderCompleted { order_id: order(), completed_at: database.clock.now() };
    let body = |id| envelope(id, &completed());
    let [handled, last, later] = [(); 3].map(|()| Uuid::now_v7());
    stage.intruder.publish("order_completed", handled, body(handled)).await;
    assert_eq!(stage.effects().await, ["completed"]);

    queue.give_up(vec![body(handled), body(last)]).await;
    queue.drain(&database, last).await;
    let ids = |parked: Vec<Parked>| parked.into_iter().map(|(id, ..)| id).collect::<Vec<_>>();
    assert_eq!(ids(parked(&database).await), [last]);

    // Did it come again, it would be parked now.
    sqlx::raw_sql("TRUNCATE inbox CASCADE").execute(&database.pool).await.unwrap();
    queue.give_up(vec![body(later)]).await;
    queue.drain(&database, later).await;
    assert!(!ids(parked(&database).await).contains(&handled));
    assert_eq!(stage.effects().await, ["completed"]);
    queue.delete().await;
}

/// What the broker dropped for its age, or because the queue was full, is in a history: that brings it, and nobody is asked.
#[tokio::test]
async fn what_the_broker_dropped_unseen_is_brought_by_a_history_or_else_tried_from_here() {
    let (mut stage, queue) = (Stage::new().await, Queue::new::<OrderCompleted>().await);
    let database = stage.reader.database.clone();
    let body = |id| envelope(id, &OrderCompleted { order_id: order(), completed_at: database.clock.now() });
    let [brought, in_no_history, last] = [(); 3].map(|()| Uuid::now_v7());
    for id in [brought, in_no_history] {
        queue.expire(&body(id)).await;
    }
    testing::eventually("both have expired", || async { queue.dead_letters().await == 2 }).await;
    queue.give_up(vec![body(last)]).await;
    // A look from now, as it were: neither is known yet, and both are left to the broker.
    queue.drain(&database, last).await;
    let parked_ids = async || parked(&database).await.into_iter().map(|(id, ..)| id).collect::<Vec<_>>();
    assert_eq!(parked_ids().await, [last]);

    stage.intruder.publish("order_completed", brought, body(brought)).await;
    let at_once = CatchUpPolicy { every: std::time::Duration::ZERO, ..testing::settling() };
    queue.drain_with(at_once, &database, in_no_history).await;
    assert_eq!(parked_ids().await, [last, in_no_history]);
    stage.advance(SignedDuration::from_secs(1));
    stage.redrive().await;
    assert_eq!(stage.effects().await, ["completed", "completed"], "without an operator");
    queue.delete().await;
}
