//! What a schedule is made of.

use proptest::{collection::vec, prelude::*, sample::select};

use super::broker::Fault;

/// What may happen next, and the seed of ids and jitter.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub seed: u64,
    pub moves: Vec<Move>,
}

#[derive(Clone, Copy, Debug)]
pub enum Move {
    /// `orders` commits a fact and its event; the temper of its handling, and of its follow-up's.
    Commit { fact: Fact, order: usize, tempers: [Temper; 2] },
    /// Somebody goes on for so many steps, or until there is nothing to do.
    Run { who: Who, steps: usize },
    /// A process dies where it stands, and a new one begins.
    Crash { service: Service, process: usize },
    /// The connection of the service's active consumer is lost while it works, and what it has not settled comes again:
    /// to the router of `process`, which goes on by `steps`.
    Cut { service: Service, process: usize, steps: usize },
    /// The next message that anybody publishes meets this.
    Meet(Fault),
    /// A message that was under way for long arrives.
    LateArrival,
    /// The broker blocks publishers when the next relay asks.
    Alarm,
    /// Time goes by, and the re-driver of `process` wakes up and goes on by `steps`.
    Wait { millis: i64, service: Service, process: usize, steps: usize },
    /// An operator has what is dead tried again.
    Retry { service: Service },
}

/// What begins a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// `order_placed`, which is answered, and the answer too.
    Placed,
    /// `order_cancelled`, which is not: no unique id of a follow-up hides that it was handled twice.
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Publishes `order_placed` and `order_cancelled`; answers `invoice_issued` by `order_completed`.
    Orders,
    /// Answers `order_placed` by `invoice_issued`; hears of the others.
    Billing,
}

impl Service {
    pub const ALL: [Self; 2] = [Self::Orders, Self::Billing];

    pub fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Billing => "billing",
        }
    }
}

/// A loop of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Relay,
    Router,
    Redriver,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Relay, Self::Router, Self::Redriver];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    pub service: Service,
    pub process: usize,
    pub role: Role,
}

/// How the handling of an event goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    Works,
    /// So many times it fails, then it works.
    Fails(u8),
    /// It fails for good, until somebody fixes it.
    Never,
    /// The process dies of it, until somebody fixes it.
    Kills,
}

/// Schedules for services of `processes` replicas.
pub fn schedules(processes: usize) -> impl Strategy<Value = Schedule> {
    let seed = any::<u64>().no_shrink();
    (seed, vec(moves(processes), 10..40)).prop_map(|(seed, moves)| Schedule { seed, moves })
}

fn moves(processes: usize) -> impl Strategy<Value = Move> {
    let service = || select(&Service::ALL[..]);
    let fault = select(&Fault::ALL[..]);
    let fact = prop_oneof![Just(Fact::Placed), Just(Fact::Cancelled)];
    prop_oneof![
        8 => (fact, 0..3_usize, [temper(), temper()])
            .prop_map(|(fact, order, tempers)| Move::Commit { fact, order, tempers }),
        40 => (who(processes), 1..12_usize).prop_map(|(who, steps)| Move::Run { who, steps }),
        3 => (service(), 0..processes).prop_map(|(service, process)| Move::Crash { service, process }),
        3 => (service(), 0..processes, 0..12_usize)
            .prop_map(|(service, process, steps)| Move::Cut { service, process, steps }),
        4 => fault.prop_map(Move::Meet),
        2 => Just(Move::LateArrival),
        1 => Just(Move::Alarm),
        6 => (1..4_000_i64, service(), 0..processes, 0..4_usize)
            .prop_map(|(millis, service, process, steps)| Move::Wait { millis, service, process, steps }),
        1 => service().prop_map(|service| Move::Retry { service }),
    ]
}

fn who(processes: usize) -> impl Strategy<Value = Who> {
    let role = prop_oneof![2 => Just(Role::Relay), 3 => Just(Role::Router), 1 => Just(Role::Redriver)];
    (select(&Service::ALL[..]), 0..processes, role).prop_map(|(service, process, role)| Who { service, process, role })
}

fn temper() -> impl Strategy<Value = Temper> {
    prop_oneof![
        6 => Just(Temper::Works),
        3 => (1..5_u8).prop_map(Temper::Fails),
        1 => Just(Temper::Never),
        1 => Just(Temper::Kills),
    ]
}
