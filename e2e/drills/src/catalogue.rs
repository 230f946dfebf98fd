//! What drills there are, and how much load each puts on by default.

use std::time::Duration;

use clap::{ValueEnum, builder::PossibleValue};

/// A way to break the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Drill {
    /// The broker is stopped and started.
    BrokerRestart,
    /// The broker is unreachable for a minute, during which customers go on registering.
    BrokerAway,
    /// The database crashes and is started.
    DatabaseRestart,
    /// SIGKILL for customer, twice.
    KillCustomer,
    /// SIGKILL for email, twice.
    KillEmail,
    /// SIGKILL for loyalty, twice.
    KillLoyalty,
    /// Nobody listens where the mails go.
    SmtpAway,
    /// The mail server says yes to a mail after ten seconds, and to a fifth of the customers never.
    SlowMail,
    /// Every event is published twice, and then once more.
    Duplicate,
    /// Undecodable messages, and customers whose events always fail in loyalty, among good ones. Then an operator heals it.
    Poison,
    /// A fifth of all handlings in all services fails, and for a while four fifths in loyalty.
    Flaky,
    /// Loyalty takes its time for every event.
    SlowConsumer,
    /// Loyalty's queue loses its binding to `customer_created`; the history heals it within about a minute.
    Unbind,
    /// The network between loyalty and the broker stalls, then resets every connection.
    NetworkCut,
    /// The database falls silent for each service in turn, then resets every connection.
    DatabaseStalls,
    /// 900 clients register at once, as fast as they are answered, for ten times what there is room for.
    Overload,
    /// A thousand messages parked in loyalty for each customer, a fifth of them due, the others dead or behind what is dead.
    MillionParked,
    /// Loyalty's queue is deleted with what is in it.
    QueueDeleted,
    /// A late loyalty is killed in the middle of its catch-up.
    CatchUpCrash,
    /// A second loyalty is started while the first catches up.
    SecondReplica,
    /// Loyalty's schema is lost: it is rebuilt from the history, and nobody else notices.
    DatabaseLost,
    /// The broker loses everything while the services run; an operator has the outboxes sent again.
    BrokerWiped,
    /// 10,000 customers; two broker restarts, a database restart, two SIGKILLs for each service. Not part of `all`.
    Grand,
}

/// How much load a drill puts on: customers, clients, and over how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub customers: usize,
    pub clients: usize,
    pub over: Duration,
}

impl Drill {
    /// Every drill but the grand one, in an order in which none makes the next one harder.
    pub fn all() -> Vec<Self> {
        Self::value_variants().iter().copied().filter(|drill| *drill != Self::Grand).collect()
    }

    pub fn name(self) -> String {
        self.to_possible_value().map(|value: PossibleValue| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The load lasts longer than the fault, so that it is there before, while and after.
    pub fn size(self) -> Size {
        let over = match self {
            Self::BrokerAway => 80,
            Self::BrokerWiped | Self::SmtpAway | Self::NetworkCut => 30,
            Self::BrokerRestart | Self::DatabaseRestart | Self::DatabaseLost => 20,
            Self::DatabaseStalls => 120,
            Self::Overload => return Size { customers: 5000, clients: 900, over: Duration::ZERO },
            Self::SlowMail => return Size { customers: 60, clients: 10, over: Duration::from_secs(10) },
            Self::Grand => return Size { customers: 10_000, clients: 100, over: Duration::from_secs(150) },
            _ => 10,
        };
        Size { customers: 1000, clients: 20, over: Duration::from_secs(over) }
    }

    /// Whether an operator has a part in it.
    pub fn needs_administration(self) -> bool {
        matches!(
            self,
            Self::Duplicate | Self::Poison | Self::Flaky | Self::DatabaseLost | Self::BrokerWiped | Self::MillionParked
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_everything_but_the_grand_drill() {
        assert_eq!(Drill::all().len(), Drill::value_variants().len() - 1);
        assert!(!Drill::all().contains(&Drill::Grand));
    }

    #[test]
    fn each_drill_says_what_it_does() {
        for drill in Drill::value_variants() {
            let value = drill.to_possible_value();
            assert!(value.is_some_and(|value| value.get_help().is_some()), "{drill:?}");
        }
    }
}
