//! The one driver: runs the schedule's moves, one named step after another, then lets everything come to rest.

use std::time::Duration;

use jiff::SignedDuration;
use messaging::{
    clock::Clock,
    database::Database,
    failpoint::Failpoint,
    testing::{
        orders::{OrderCancelled, placed},
        stage,
        stepped::Stepped,
    },
};
use uuid::Uuid;

use super::{
    broker::Broker,
    fleet::{Fleet, application_name, begin, rolled_back},
    handlers::Script,
    journal::Journal,
    moves::{Fact, Move, Role, Schedule, Service, Temper, Who},
    oracle,
};

/// After this the driver looks whether a step waits for a lock that somebody holds.
const LONG_FOR_A_STEP: Duration = Duration::from_millis(30);
/// Enough for any batch; more is an endless loop.
const MANY_STEPS: usize = 300;
/// How many hours of the clock it may take to come to rest: what failed is due again every hour at the latest.
const MANY_ROUNDS: usize = 40;

/// A schedule under way.
pub struct Play<'a> {
    fleet: &'a Fleet,
    pub clock: Clock,
    pub journal: Journal,
    broker: Broker,
    script: Script,
    actors: Vec<TestService>,
    /// The events whose commit was acknowledged.
    pub committed: Vec<Uuid>,
}

/// One loop of one process.
struct TestService {
    who: Who,
    database: Database,
    stepped: Stepped,
    /// Its last step waits for a lock.
    waits: bool,
}

/// How far an actor got.
enum Progress {
    Reached(Failpoint),
    Waits,
    Broken,
}

impl<'a> Play<'a> {
    pub async fn begin(fleet: &'a Fleet, seed: u64) -> Self {
        // Of this thread, the only one there is: the jitter of the delays.
        fastrand::seed(seed);
        let clock = Clock::seeded("2026-11-20T19:45:00Z".parse().unwrap(), seed);
        let journal = Journal::default();
        let (broker, script) = (Broker::new(journal.clone()), Script::new(journal.clone()));
        let mut actors = Vec::new();
        for (who, database) in fleet.loops(&clock) {
            rolled_back(&database).await;
            let stepped = begin(who, database.clone(), broker.clone(), &script);
            actors.push(TestService { who, database, stepped, waits: false });
        }
        fleet.clear().await;
        let mut play = Self { fleet, clock, journal, broker, script, actors, committed: Vec::new() };
        for index in 0..play.actors.len() {
            play.stand_by(index).await;
        }
        play
    }

    /// Runs `schedule`, and then until nothing is left to do. An error says what never ends.
    pub async fn run(&mut self, schedule: &Schedule) -> Result<(), String> {
        for next in &schedule.moves {
            self.make(*next).await?;
        }
        oracle::done_means_in_effect(self).await?;
        self.come_to_rest().await
    }

    async fn make(&mut self, next: Move) -> Result<(), String> {
        if !matches!(next, Move::Run { .. }) {
            self.journal.write(format!("{next:?}"));
        }
        match next {
            Move::Commit { fact, order, tempers } => self.commit(fact, order, tempers).await,
            Move::Run { who, steps } => self.advance(who, steps).await?,
            Move::Crash { service, process } => self.crash(service, process).await,
            Move::Cut { service, process, steps } => {
                self.broker.cut(service);
                self.advance(Who { service, process, role: Role::Router }, steps).await?;
            }
            Move::Meet(fault) => self.broker.plan(fault),
            Move::LateArrival => self.broker.late_arrival(),
            Move::Alarm => self.broker.plan_alarm(),
            Move::Wait { millis, service, process, steps } => {
                self.clock.advance(SignedDuration::from_millis(millis));
                self.advance(Who { service, process, role: Role::Redriver }, steps).await?;
            }
            Move::Retry { service } => self.retry_dead(service).await,
        }
        Ok(())
    }

    pub fn home(&self, service: Service) -> Database {
        self.fleet.home(service, &self.clock)
    }

    async fn commit(&mut self, fact: Fact, order: usize, tempers: [Temper; 2]) {
        let (home, order_id) = (self.home(Service::Orders), Uuid::from_u128(1 + order as u128));
        let cancelled_at = self.clock.now();
        let id = match fact {
            Fact::Placed => stage::publish(&home, &placed(order_id, "Ada")).await.id,
            Fact::Cancelled => stage::publish(&home, &OrderCancelled { order_id, cancelled_at }).await.id,
        };
        self.committed.push(id);
        let name = format!("{}'s {fact:?} ({})", ["Ada", "Bob", "Cy"][order], self.committed.len());
        self.script.cast(id, name, &tempers);
    }

    /// `who` goes on by `steps`, or until nothing is to be done, or a lock is to be waited for.
    async fn advance(&mut self, who: Who, steps: usize) -> Result<(), String> {
        let index = self.actors.iter().position(|actor| actor.who == who).unwrap();
        for _ in 0..steps {
            match self.step(index).await {
                Progress::Reached(_) if self.script.takes_its_toll() => {
                    self.crash(who.service, who.process).await;
                    break;
                }
                Progress::Reached(Failpoint::Idle) | Progress::Waits => break,
                Progress::Reached(_) => {}
                Progress::Broken => return Err(format!("{} breaks", application_name(who))),
            }
        }
        Ok(())
    }

    /// A router consumes as soon as it is there.
    async fn stand_by(&mut self, index: usize) {
        if self.actors[index].who.role == Role::Router {
            self.step(index).await;
        }
    }

    async fn step(&mut self, index: usize) -> Progress {
        let actor = &mut self.actors[index];
        let name = application_name(actor.who);
        loop {
            tokio::select! {
                biased;
                step = actor.stepped.next() => {
                    let Some(step) = step else { return Progress::Broken };
                    actor.waits = false;
                    self.journal.write(format!("{name}: {step:?}"));
                    if step == Failpoint::Failed {
                        rolled_back(&actor.database).await;
                    }
                    self.locks_are_handed_on().await;
                    return Progress::Reached(step);
                }
                () = tokio::time::sleep(LONG_FOR_A_STEP) => {}
            }
            let home = self.fleet.home(actor.who.service, &self.clock);
            if waits_for_a_lock(&home, &name).await {
                actor.waits = true;
                self.journal.write(format!("{name} waits for a lock"));
                return Progress::Waits;
            }
        }
    }

    /// Waits until everybody who waited for a lock has it, or still does not: who gets it is no matter of speed.
    async fn locks_are_handed_on(&self) {
        for actor in self.actors.iter().filter(|actor| actor.waits) {
            let home = self.home(actor.who.service);
            while is_under_way(&home, &application_name(actor.who)).await {}
        }
    }

    /// Abandons what the process does, and begins anew. A loop whose statement waits in the database outlives it: there
    /// too, nobody looks for the client before the statement is answered.
    async fn crash(&mut self, service: Service, process: usize) {
        for index in 0..self.actors.len() {
            let actor = &mut self.actors[index];
            if (actor.who.service, actor.who.process) == (service, process) && !actor.waits {
                actor.stepped = begin(actor.who, actor.database.clone(), self.broker.clone(), &self.script);
                rolled_back(&actor.database).await;
                self.locks_are_handed_on().await;
                self.stand_by(index).await;
            }
        }
    }

    async fn retry_dead(&self, service: Service) {
        let home = self.home(service);
        sqlx::query("UPDATE parked SET state = 'waiting', next_attempt_at = $1 WHERE state = 'dead'")
            .bind(jiff_sqlx::Timestamp::from(home.clock.now()))
            .execute(&home.pool)
            .await
            .unwrap();
    }

    /// Without faults, until nobody has anything left to do.
    async fn come_to_rest(&mut self) -> Result<(), String> {
        self.journal.write("from here on nothing goes wrong");
        self.script.fix();
        self.broker.behave();
        for _ in 0..MANY_ROUNDS {
            let mut at_rest = true;
            for service in Service::ALL {
                at_rest &= self.work_off(service).await?;
            }
            if at_rest {
                return Ok(());
            }
            self.clock.advance(SignedDuration::from_hours(1));
        }
        Err(format!("not at rest after {MANY_ROUNDS} rounds"))
    }

    /// Finishes what is under way in `service`, and lets its first process work; gives whether there was nothing to do.
    async fn work_off(&mut self, service: Service) -> Result<bool, String> {
        let (unpublished, unresolved) = unfinished(&self.home(service)).await;
        if unresolved {
            self.retry_dead(service).await;
        }
        let mut at_rest = true;
        for index in 0..self.actors.len() {
            let actor = &self.actors[index];
            let has_work = match actor.who.role {
                Role::Relay => unpublished && actor.who.process == 0,
                Role::Router => self.broker.holds_messages_for(service),
                Role::Redriver => unresolved && actor.who.process == 0,
            };
            let stands_still = !actor.waits && matches!(actor.stepped.at(), None | Some(Failpoint::Idle));
            if actor.who.service == service && (has_work || !stands_still) {
                at_rest = false;
                self.advance(actor.who, MANY_STEPS).await?;
            }
        }
        Ok(at_rest)
    }
}

async fn waits_for_a_lock(home: &Database, application_name: &str) -> bool {
    is_blocked(home, application_name).await == Some(true)
}

/// Whether a statement runs and waits for no lock.
async fn is_under_way(home: &Database, application_name: &str) -> bool {
    is_blocked(home, application_name).await == Some(false)
}

/// Whether the running statement waits for somebody; `None` if none runs. Asks the locks themselves: `wait_event` still
/// says so of one who has the lock and was not woken yet.
async fn is_blocked(home: &Database, application_name: &str) -> Option<bool> {
    sqlx::query_scalar(
        "SELECT cardinality(pg_blocking_pids(pid)) > 0 FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = $1 AND state = 'active'",
    )
    .bind(application_name)
    .fetch_optional(&home.pool)
    .await
    .unwrap()
}

/// Whether something is unpublished, whether something is parked and not resolved.
async fn unfinished(home: &Database) -> (bool, bool) {
    sqlx::query_as(
        "SELECT EXISTS (SELECT FROM outbox WHERE published_at IS NULL),
                EXISTS (SELECT FROM parked WHERE state IN ('waiting', 'behind', 'dead'))",
    )
    .fetch_one(&home.pool)
    .await
    .unwrap()
}
