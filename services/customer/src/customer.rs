//! The domain: what a customer is, and when one is onboarded.

use std::str::FromStr;

use contracts::{
    CustomerId, CustomerName, EmailAddress,
    events::{customer::DeactivationReason, email::FailureReason},
};
use jiff::Timestamp;

/// Where a customer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The registration is committed.
    Registered,
    /// The welcome mail was sent and points are booked.
    Onboarded,
    /// The welcome mail failed. Final.
    Deactivated,
}

/// What is known of the welcome mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WelcomeEmail {
    /// Nothing yet.
    Pending,
    /// The mail server took it.
    Sent,
    /// It never will be delivered.
    Failed,
}

/// Ties an enum to the texts that stand for it in the database and in JSON.
macro_rules! texts {
    ($type:ident { $($variant:ident = $text:literal),+ }) => {
        impl $type {
            /// As it is stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    other => Err(format!(concat!(stringify!($type), " can't be {:?}"), other)),
                }
            }
        }
    };
}
texts!(Status { Registered = "registered", Onboarded = "onboarded", Deactivated = "deactivated" });
texts!(WelcomeEmail { Pending = "pending", Sent = "sent", Failed = "failed" });

/// A fact that the gate waits for. Those of `email` and of `loyalty` come in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// `welcome_email_sent`.
    MailSent,
    /// `welcome_email_failed`.
    MailFailed(FailureReason),
    /// `status_points_added`, with the balance after it.
    PointsAdded(i64),
}

/// What follows from a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Both facts are here.
    Onboard,
    /// The mail failed.
    Deactivate(DeactivationReason),
}

/// The gate: onboarded once, if the mail was sent and points are booked. Deactivated is final; later facts are recorded
/// and change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Where the customer stands.
    pub status: Status,
    /// What came of the mail.
    pub welcome_email: WelcomeEmail,
    /// The balance, once points are booked.
    pub status_points: Option<i64>,
}

impl Gate {
    /// How every customer begins.
    pub const fn new() -> Self {
        Self { status: Status::Registered, welcome_email: WelcomeEmail::Pending, status_points: None }
    }

    /// Records `fact` and decides what follows.
    pub fn record(&mut self, fact: Fact) -> Option<Decision> {
        match fact {
            Fact::PointsAdded(balance) => self.status_points = Some(balance),
            // The first verdict on the mail stands: a rebuilt email service may call an old mail expired.
            _ if self.welcome_email != WelcomeEmail::Pending => return None,
            Fact::MailSent => self.welcome_email = WelcomeEmail::Sent,
            Fact::MailFailed(reason) => {
                self.welcome_email = WelcomeEmail::Failed;
                self.status = Status::Deactivated;
                return Some(Decision::Deactivate(deactivation(reason)));
            }
        }
        let complete = self.welcome_email == WelcomeEmail::Sent && self.status_points.is_some();
        if self.status != Status::Registered || !complete {
            return None;
        }
        self.status = Status::Onboarded;
        Some(Decision::Onboard)
    }
}

fn deactivation(reason: FailureReason) -> DeactivationReason {
    match reason {
        FailureReason::Refused => DeactivationReason::EmailRefused,
        FailureReason::Expired => DeactivationReason::EmailExpired,
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

/// A customer as stored.
pub struct Customer {
    /// Its id, everywhere.
    pub id: CustomerId,
    /// Where mail goes.
    pub email: EmailAddress,
    /// How mail addresses them.
    pub name: CustomerName,
    /// When they registered.
    pub registered_at: Timestamp,
    /// How far the onboarding is.
    pub gate: Gate,
    /// When both facts were here.
    pub onboarded_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fact() -> impl Strategy<Value = Fact> {
        prop_oneof![
            Just(Fact::MailSent),
            Just(Fact::MailFailed(FailureReason::Refused)),
            (1..1000_i64).prop_map(Fact::PointsAdded),
        ]
    }

    proptest! {
        #[test]
        fn facts_of_different_owners_commute(mail in prop_oneof![
            Just(Fact::MailSent), Just(Fact::MailFailed(FailureReason::Expired))], points in 1..1000_i64)
        {
            let (mut one, mut other) = (Gate::new(), Gate::new());
            let decided: Vec<_> = [mail, Fact::PointsAdded(points)].map(|fact| one.record(fact)).into_iter().flatten().collect();
            let reversed: Vec<_> = [Fact::PointsAdded(points), mail].map(|fact| other.record(fact)).into_iter().flatten().collect();
            prop_assert_eq!(one, other);
            prop_assert_eq!(decided, reversed);
        }

        #[test]
        fn a_customer_is_onboarded_once_or_deactivated_once_and_never_both(facts in prop::collection::vec(fact(), 0..20)) {
            let mut gate = Gate::new();
            let decisions: Vec<_> = facts.iter().filter_map(|fact| gate.record(*fact)).collect();
            prop_assert!(decisions.len() <= 1);
            prop_assert_eq!(decisions.contains(&Decision::Onboard), gate.status == Status::Onboarded);
            let sent = facts.iter().find(|fact| !matches!(fact, Fact::PointsAdded(_))) == Some(&Fact::MailSent);
            let points = facts.iter().any(|fact| matches!(fact, Fact::PointsAdded(_)));
            prop_assert_eq!(gate.status == Status::Onboarded, sent && points);
        }
    }
}
