//! The databases of the services, and the loops of their processes.

use std::{convert::Infallible, time::Duration};

use messaging::{
    clock::Clock,
    database::Database,
    failpoint::Failpoint,
    health::Health,
    message::{Batch, ReceivedMessage},
    middleware::Limits,
    outbox::relay::{Relay, RelayError},
    parked::redrive::Redriver,
    router::{Dispatcher, RouterSettings, SessionError},
    testing::{
        stage,
        stepped::{Stepped, hit},
    },
};
use sqlx::{Executor, postgres::PgPoolOptions};
use tokio_util::sync::CancellationToken;

use super::{
    broker::{Broker, Channel},
    handlers::Script,
    moves::{Role, Service, Who},
};

/// No real time limit may end what a schedule has stopped.
const NEVER: Duration = Duration::from_hours(1);

/// A schema for each service, and a connection for each loop of each of its processes.
pub struct Fleet {
    homes: Vec<(Service, Database)>,
    loops: Vec<(Who, Database)>,
}

impl Fleet {
    pub async fn new(processes: usize) -> Self {
        let (mut homes, mut loops) = (Vec::new(), Vec::new());
        for service in Service::ALL {
            let home = home(service).await;
            for process in 0..processes {
                let each = Role::ALL.map(|role| Who { service, process, role });
                loops.extend(each.map(|who| (who, one_connection(&home, who))));
            }
            homes.push((service, home));
        }
        Self { homes, loops }
    }

    /// Forgets the last schedule.
    pub async fn clear(&self) {
        for (_, home) in &self.homes {
            let all =
                "DELETE FROM effects; DELETE FROM poison; DELETE FROM parked; DELETE FROM inbox; DELETE FROM outbox";
            home.pool.execute(sqlx::raw_sql(all)).await.unwrap();
        }
    }

    /// The schema of `service`, whose transactions live by `clock`.
    pub fn home(&self, service: Service, clock: &Clock) -> Database {
        let (_, home) = self.homes.iter().find(|(of, _)| *of == service).unwrap();
        with_clock(home, clock)
    }

    /// Everybody with a connection of their own.
    pub fn loops(&self, clock: &Clock) -> Vec<(Who, Database)> {
        self.loops.iter().map(|(who, database)| (*who, with_clock(database, clock))).collect()
    }
}

fn with_clock(database: &Database, clock: &Clock) -> Database {
    let mut database = database.clone();
    database.clock = clock.clone();
    database
}

/// Processes crash here, Postgres does not: nothing needs to reach the disk.
async fn home(service: Service) -> Database {
    let home = stage::database(service.name()).await;
    let lazily =
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$";
    home.pool.execute(lazily).await.unwrap();
    home
}

/// A pool of one: whoever has a connection from it knows that what was abandoned before is rolled back.
fn one_connection(home: &Database, who: Who) -> Database {
    let limits = [("lock_timeout", "0"), ("statement_timeout", "0"), ("idle_in_transaction_session_timeout", "0")];
    let options = home.pool.connect_options().as_ref().clone();
    let options = options.application_name(&application_name(who)).options(limits);
    let pool = PgPoolOptions::new().max_connections(1).test_before_acquire(false).acquire_timeout(NEVER);
    let mut own = home.clone();
    own.pool = pool.connect_lazy_with(options);
    own
}

pub fn application_name(who: Who) -> String {
    format!("{}.{} {:?}", who.service.name(), who.process, who.role).to_lowercase()
}

/// Waits until what was abandoned is rolled back.
pub async fn rolled_back(database: &Database) {
    drop(database.pool.acquire().await.unwrap());
}

/// The loop of `who`, not begun yet. It ends only when it meets what no schedule should lead to.
pub fn begin(who: Who, database: Database, broker: Broker, script: &Script) -> Stepped {
    let (handlers, journal) = (script.handlers(who.service), script.journal.clone());
    let limits = Limits { base: NEVER, ..Limits::default() };
    Stepped::new(async move {
        let result = match who.role {
            Role::Relay => relay(database, broker).await,
            Role::Redriver => {
                let redriver = Redriver::new(database.clone(), handlers, &limits, Duration::from_hours(24));
                redrive(database, redriver).await
            }
            Role::Router => {
                let settings = RouterSettings { max_batch: 4, limits, ..RouterSettings::default() };
                let dispatcher = Dispatcher::new(database.clone(), handlers, &settings);
                receive(who.service, dispatcher, database, broker).await
            }
        };
        journal.write(format!("  {result:?}"));
    })
}

/// [`Relay::run`] without its rests.
async fn relay(database: Database, broker: Broker) -> anyhow::Result<Infallible> {
    let mut relay = Relay::new(database.clone(), Box::new(broker), &Health::default());
    loop {
        let turn = relay.publish_batch().await;
        rolled_back(&database).await;
        match turn {
            Ok(turn) if turn.published > 0 => {}
            Ok(_) | Err(RelayError::Bus(_)) => hit(Failpoint::Idle).await,
            Err(error) => return Err(error.into()),
        }
    }
}

/// [`Redriver::run`] without its rests.
async fn redrive(database: Database, mut redriver: Redriver) -> anyhow::Result<Infallible> {
    loop {
        let tried = redriver.redrive(2).await?;
        rolled_back(&database).await;
        if tried == 0 {
            hit(Failpoint::Idle).await;
        }
    }
}

/// What a session of the router does with its queue, again and again.
async fn receive(
    service: Service,
    mut dispatcher: Dispatcher,
    database: Database,
    broker: Broker,
) -> anyhow::Result<Infallible> {
    loop {
        let channel = broker.subscribe(service);
        while let Some(size) = receive_batch(&channel, &mut dispatcher).await? {
            rolled_back(&database).await;
            if size == 0 {
                hit(Failpoint::Idle).await;
            }
        }
    }
}

/// Takes charge of what is there, then acknowledges it; `None` if the channel is gone.
async fn receive_batch(channel: &Channel, dispatcher: &mut Dispatcher) -> Result<Option<usize>, SessionError> {
    let Some(deliveries) = channel.take(dispatcher.size()) else { return Ok(None) };
    let size = deliveries.len();
    if size == 0 {
        return Ok(Some(0));
    }
    hit(Failpoint::Delivered).await;
    let messages = deliveries.iter().map(|delivery| ReceivedMessage::new(delivery, delivery.body.clone())).collect();
    dispatcher.dispatch(Batch { messages, cursor: None }, &CancellationToken::new()).await?;
    for delivery in deliveries {
        if !delivery.ack().await {
            return Ok(None);
        }
        hit(Failpoint::Acknowledged).await;
    }
    Ok(Some(size))
}
