//! Atomic, at least once, and in order on the way out.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use contracts::events::customer::CustomerOnboarded;
use event::Envelope;
use futures_util::{FutureExt, future::BoxFuture};
use messaging::{
    bus::{BusError, Message, Publisher},
    database::Database,
    health::Health,
    outbox::relay::Relay,
    unit_of_work::PublishError,
};
use tokio::sync::Notify;
use uuid::Uuid;

use super::stage::{created, customer, database, publish};

/// A broker that says what the test wants of each message.
#[derive(Clone, Default)]
pub struct Broker {
    taken: Arc<Mutex<Vec<Message>>>,
    batches: Arc<Mutex<Vec<usize>>>,
    refuses: Arc<Mutex<HashSet<Uuid>>>,
    closes_over: Arc<Mutex<HashSet<Uuid>>>,
    blocked: Arc<Mutex<bool>>,
    held: Arc<Mutex<Option<Arc<Notify>>>>,
}

impl Broker {
    pub fn relay(&self, database: &Database) -> Relay {
        Relay::new(database.clone(), Box::new(self.clone()), Health::default())
    }

    /// From now on it confirms nothing before it is told to.
    pub fn hold(&self) -> Arc<Notify> {
        let answer = Arc::<Notify>::default();
        *self.held.lock().unwrap() = Some(answer.clone());
        answer
    }

    pub fn refuse(&self, id: Uuid) {
        self.refuses.lock().unwrap().insert(id);
    }

    /// What it took, which it forgets.
    pub fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.taken.lock().unwrap())
    }

    /// The ids of what it took, in order.
    pub fn taken(&self) -> Vec<Uuid> {
        self.taken.lock().unwrap().iter().map(|message| message.id).collect()
    }

    fn sequences(&self) -> Vec<i64> {
        let taken = self.taken.lock().unwrap();
        taken.iter().map(|message| serde_json::from_slice::<Envelope>(&message.body).unwrap().sequence).collect()
    }
}

impl Publisher for Broker {
    fn prepare(&mut self) -> BoxFuture<'_, Result<(), BusError>> {
        async { Ok(()) }.boxed()
    }

    fn is_blocked(&self) -> bool {
        *self.blocked.lock().unwrap()
    }

    fn publish(&mut self, batch: Vec<Message>) -> BoxFuture<'_, Result<HashSet<Uuid>, BusError>> {
        self.batches.lock().unwrap().push(batch.len());
        let closes_over = self.closes_over.lock().unwrap().clone();
        if batch.iter().any(|message| closes_over.contains(&message.id)) {
            return async { Err(BusError::Refused("closed over one of these".into())) }.boxed();
        }
        let refuses = self.refuses.lock().unwrap().clone();
        let taken: Vec<_> = batch.into_iter().filter(|message| !refuses.contains(&message.id)).collect();
        let ids = taken.iter().map(|message| message.id).collect();
        self.taken.lock().unwrap().extend(taken);
        let held = self.held.lock().unwrap().clone();
        async move {
            if let Some(answer) = held {
                answer.notified().await;
            }
            Ok(ids)
        }
        .boxed()
    }
}

async fn outbox_rows(database: &Database) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&database.pool).await.unwrap()
}

#[tokio::test]
async fn an_event_commits_with_its_fact_or_not_at_all() {
    let database = database("customer").await;
    let mut tx = database.begin().await.unwrap();
    tx.publish(&created(customer(), "Ada")).unwrap();
    sqlx::query("INSERT INTO effects (name) VALUES ('Ada')").execute(tx.sql()).await.unwrap();
    drop(tx);
    assert_eq!(outbox_rows(&database).await, 0);

    let mut tx = database.begin().await.unwrap();
    tx.publish(&created(customer(), "Ada")).unwrap();
    assert!(sqlx::query("INSERT INTO effects (id) VALUES ('no number')").execute(tx.sql()).await.is_err());
    assert!(tx.commit().await.is_err());
    assert_eq!(outbox_rows(&database).await, 0);
}

#[tokio::test]
async fn an_event_that_the_broker_would_refuse_can_not_exist() {
    let database = database("customer").await;
    let mut tx = database.begin().await.unwrap();
    let huge = created(customer(), &"a".repeat(300 * 1024));
    assert!(matches!(tx.publish(&huge), Err(PublishError::TooLarge { .. })));
    tx.commit().await.unwrap();
    assert_eq!(outbox_rows(&database).await, 0);
}

#[tokio::test]
async fn a_turn_publishes_at_most_one_event_of_each_customer() {
    let (database, broker) = (database("customer").await, Broker::default());
    let (ada, bob) = (customer(), customer());
    let mut expected = Vec::new();
    for _ in 0..3 {
        expected.push(publish(&database, &created(ada, "Ada")).await.id);
    }
    let bobs = publish(&database, &created(bob, "Bob")).await.id;
    let mut relay = broker.relay(&database);
    assert_eq!(relay.drain().await.unwrap(), 4);
    assert_eq!(*broker.batches.lock().unwrap(), [2, 1, 1]);
    let adas: Vec<_> = broker.taken().into_iter().filter(|id| *id != bobs).collect();
    assert_eq!(adas, expected);
}

#[tokio::test]
async fn what_is_refused_holds_back_its_customer_and_nobody_else() {
    let (database, broker) = (database("customer").await, Broker::default());
    let (ada, bob) = (customer(), customer());
    let first = publish(&database, &created(ada, "Ada")).await.id;
    let second = publish(&database, &created(ada, "Ada again")).await.id;
    let bobs = publish(&database, &created(bob, "Bob")).await.id;
    broker.refuse(first);
    let mut relay = broker.relay(&database);
    relay.drain().await.unwrap();
    assert_eq!(broker.taken(), [bobs]);

    broker.refuses.lock().unwrap().clear();
    assert_eq!(relay.drain().await.unwrap(), 0, "it rests first");
    database.clock.advance(jiff::SignedDuration::from_secs(61));
    assert_eq!(relay.drain().await.unwrap(), 2);
    assert_eq!(broker.taken(), [bobs, first, second]);
}

#[tokio::test]
async fn the_event_that_closes_the_channel_is_found_and_rests_alone() {
    let (database, broker) = (database("customer").await, Broker::default());
    let mut ids = Vec::new();
    for name in ["Ada", "Bob", "Cy"] {
        ids.push(publish(&database, &created(customer(), name)).await.id);
    }
    broker.closes_over.lock().unwrap().insert(ids[1]);
    let mut relay = broker.relay(&database);
    assert!(relay.turn().await.is_err());
    for _ in 0..3 {
        relay.turn().await.unwrap();
    }
    assert_eq!(broker.taken(), [ids[0], ids[2]]);
    assert_eq!(*broker.batches.lock().unwrap(), [3, 1, 1, 1]);
}

#[tokio::test]
async fn a_row_that_commits_late_is_still_published() {
    let (database, broker) = (database("customer").await, Broker::default());
    let mut relay = broker.relay(&database);
    // A row with an early `seq` whose transaction stays open, as another process's might.
    let mut late = database.pool.begin().await.unwrap();
    let (id, ada) = (Uuid::now_v7(), customer());
    sqlx::query(
        "INSERT INTO outbox (event_id, event_type, version, key, correlation_id, recorded_at, data)
         VALUES ($1, 'customer_created', 1, $2, $1, now(), '{}')",
    )
    .bind(id)
    .bind(ada.0)
    .execute(&mut *late)
    .await
    .unwrap();
    let early = publish(&database, &created(customer(), "Bob")).await.id;
    assert_eq!(relay.drain().await.unwrap(), 1);
    late.commit().await.unwrap();
    assert_eq!(relay.drain().await.unwrap(), 1);
    assert_eq!(broker.taken(), [early, id]);
    let sequences = broker.sequences();
    assert!(sequences[0] > sequences[1], "the later row has the earlier number: {sequences:?}");
}

#[tokio::test]
async fn two_relays_share_the_work_and_keep_the_order() {
    let (database, broker) = (database("customer").await, Broker::default());
    let customers = [customer(), customer(), customer()];
    for round in 0..20 {
        for ada in customers {
            publish(&database, &created(ada, &round.to_string())).await;
        }
    }
    let (mut one, mut other) = (broker.relay(&database), broker.relay(&database));
    let (mut done, mut idle) = (0, 0);
    while idle < 2 {
        let (a, b) = tokio::join!(one.turn(), other.turn());
        let published = a.unwrap().published + b.unwrap().published;
        done += published;
        idle = if published == 0 { idle + 1 } else { 0 };
    }
    assert_eq!(done, 60);
    assert_eq!(broker.taken().into_iter().collect::<HashSet<_>>().len(), 60);
    let taken = broker.taken.lock().unwrap();
    for ada in customers {
        let envelopes = taken.iter().map(|message| serde_json::from_slice::<Envelope>(&message.body).unwrap());
        let sequences: Vec<_> = envelopes.filter(|e| e.subject == ada).map(|e| e.sequence).collect();
        assert!(sequences.is_sorted() && sequences.len() == 20, "{sequences:?}");
    }
}

#[tokio::test]
async fn a_blocked_broker_is_waited_out_without_claiming() {
    let (database, broker) = (database("customer").await, Broker::default());
    publish(&database, &CustomerOnboarded { customer_id: customer(), onboarded_at: database.clock.now() }).await;
    *broker.blocked.lock().unwrap() = true;
    let mut relay = broker.relay(&database);
    let turn = relay.turn().await.unwrap();
    assert_eq!((turn.claimed, turn.published), (0, 0));
    *broker.blocked.lock().unwrap() = false;
    assert_eq!(relay.drain().await.unwrap(), 1);
}
