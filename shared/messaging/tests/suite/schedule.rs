//! The delivery protocol under random schedules.
//!
//! The code is the real one on a real Postgres; the broker is a simulated one, whose faults the schedule chooses. One
//! driver on one thread runs named steps ([`messaging::failpoint::Failpoint`]) of relays, routers and re-drivers one after another,
//! and a crash is to abandon a process between two. Ids, time and jitter follow from the seed. So a schedule does the
//! same again whenever it is run, and one that fails can be made smaller and smaller.
//!
//! `SCHEDULE_SEED` chooses other schedules than the usual, `SCHEDULES` how many.

mod broker;
mod driver;
mod fleet;
mod handlers;
mod journal;
mod moves;
mod oracle;

use std::cell::{Cell, OnceCell};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use tokio::runtime::{Builder, Runtime};

use self::{
    driver::Play,
    fleet::Fleet,
    moves::{Fact, Move, Role, Schedule, Service, Temper, Who, schedules},
};

/// Where schedules take place: one thread, and databases that are used again.
struct Theatre {
    runtime: Runtime,
    fleet: Fleet,
    processes: usize,
}

impl Theatre {
    /// For services of `processes` replicas.
    fn new(processes: usize) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let fleet = runtime.block_on(Fleet::new(processes));
        Self { runtime, fleet, processes }
    }

    /// Gives the verdict, and what happened.
    fn play(&self, schedule: &Schedule) -> (Result<(), String>, Vec<String>) {
        self.runtime.block_on(async {
            let mut play = Play::begin(&self.fleet, schedule.seed).await;
            let verdict = match play.run(schedule).await {
                Ok(()) => oracle::judge(&play).await,
                endless => endless,
            };
            (verdict, play.journal.lines())
        })
    }

    /// Plays as many random schedules as the environment says; the first that fails is made as small as it gets.
    fn season(&self) {
        let seed = from_environment("SCHEDULE_SEED", 20_261_120);
        let cases = u32::try_from(from_environment("SCHEDULES", 1_000)).unwrap();
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 1_000, ..Config::default() };
        let (mut runner, played, failed) =
            (TestRunner::new_with_rng(config, random(seed)), Cell::new(0), OnceCell::new());
        let result = runner.run(&schedules(self.processes), |schedule| {
            played.set(played.get() + 1);
            let (verdict, _) = self.play(&schedule);
            verdict.map_err(|wrong| {
                failed.get_or_init(|| played.get());
                TestCaseError::fail(wrong)
            })
        });
        if let Err(TestError::Fail(_, smallest)) = result {
            #[expect(clippy::print_stderr, reason = "shown with the test that fails")]
            {
                eprintln!("schedule {} of SCHEDULE_SEED={seed} breaks a guarantee", failed.get().unwrap());
            }
            self.report(&self.without_what_does_not_matter(smallest));
        }
        result.unwrap();
    }

    /// Leaves out every move without which the schedule fails as well. Proptest tries to leave out each only once, some
    /// of them before others are gone that it mattered to.
    fn without_what_does_not_matter(&self, mut schedule: Schedule) -> Schedule {
        let mut index = 0;
        while index < schedule.moves.len() {
            let mut smaller = schedule.clone();
            smaller.moves.remove(index);
            index += 1;
            if self.play(&smaller).0.is_err() {
                (schedule, index) = (smaller, 0);
            }
        }
        schedule
    }

    /// Fails with `smallest` and what happens in it.
    fn report(&self, smallest: &Schedule) -> ! {
        let (verdict, journal) = self.play(smallest);
        let Schedule { seed: own, moves } = smallest;
        let moves: Vec<_> = moves.iter().map(|next| format!("    {next:?}")).collect();
        panic!(
            "{verdict:?}\nthe smallest schedule that fails (its own seed is {own}):\n{}\nwhat happens in it:\n    {}",
            moves.join("\n"),
            journal.join("\n    ")
        );
    }
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

fn random(seed: u64) -> TestRng {
    let bytes: Vec<u8> = seed.to_le_bytes().into_iter().cycle().take(32).collect();
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

#[test]
fn the_guarantees_hold_in_every_schedule_of_one_process_each() {
    Theatre::new(1).season();
}

#[test]
fn the_guarantees_hold_in_every_schedule_of_two_replicas_each() {
    Theatre::new(2).season();
}

#[test]
fn a_schedule_does_the_same_again() {
    let theatre = Theatre::new(2);
    let mut runner = TestRunner::new_with_rng(Config::default(), random(7));
    let mut lines = 0;
    for _ in 0..20 {
        let schedule = schedules(2).new_tree(&mut runner).unwrap().current();
        let first = theatre.play(&schedule);
        assert_eq!(first, theatre.play(&schedule), "{schedule:#?}");
        lines += first.1.len();
    }
    assert!(lines > 1_000, "next to nothing happened: {lines} lines");
}

#[test]
fn a_stand_by_that_takes_over_waits_for_what_the_first_has_begun() {
    let who = |service, role| Who { service, process: 0, role };
    let moves = vec![
        Move::Commit { fact: Fact::Placed, order: 0, tempers: [Temper::Fails(2), Temper::Works] },
        Move::Run { who: who(Service::Orders, Role::Relay), steps: 9 },
        Move::Run { who: who(Service::Billing, Role::Router), steps: 2 },
        Move::Cut { service: Service::Billing, process: 1, steps: 9 },
    ];
    let (theatre, schedule) = (Theatre::new(2), Schedule { seed: 0, moves });
    let first = theatre.play(&schedule);
    assert_eq!(first.0, Ok(()));
    assert!(first.1.contains(&"billing.1 router waits for a lock".to_owned()), "{first:#?}");
    for _ in 0..20 {
        assert_eq!(first, theatre.play(&schedule));
    }
}
