//! The domain: what a customer is, and when one is onboarded.

use std::{str::FromStr, sync::LazyLock};

use contracts::{
    CustomerId,
    events::{customer::DeactivationReason, email::FailureReason},
};
use email_address::{EmailAddress as Syntax, Options};
use jiff::Timestamp;
use regex::Regex;
use thiserror::Error;

/// An address that a mail can be sent to: RFC 5321, ASCII, with a domain.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadEmailAddress {
    /// Longer than RFC 5321, section 4.5.3.1.3, leaves room for.
    #[error("must have at most 254 characters")]
    TooLong,
    /// Not `somebody@example.com`.
    #[error("must be an address like somebody@example.com")]
    Malformed,
}

impl EmailAddress {
    /// The address in `text`, as it was written.
    pub fn parse(text: &str) -> Result<Self, BadEmailAddress> {
        if text.len() > 254 {
            return Err(BadEmailAddress::TooLong);
        }
        let options = Options::default().with_required_tld().without_display_text().without_domain_literal();
        match Syntax::parse_with_options(text, options) {
            Ok(_) if text.is_ascii() => Ok(Self(text.to_owned())),
            _ => Err(BadEmailAddress::Malformed),
        }
    }

    /// An address that was taken before, whatever the rules were then.
    pub(crate) fn stored(address: String) -> Self {
        Self(address)
    }

    /// The address itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a mail calls a customer: 1 to 200 characters, none of them a control character.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerName(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadCustomerName {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Longer than 200 characters.
    #[error("must have at most 200 characters")]
    TooLong,
    /// A line break would be a new line in a mail's header, a NUL can't be stored.
    #[error("must not have control characters")]
    Control,
    /// They turn the direction of whatever text stands after them.
    #[error("must not have characters that change the direction of text")]
    Bidi,
    /// A person would see no name at all.
    #[error("must have a character that can be seen")]
    Invisible,
}

/// Unicode Standard Annex 9, section 2.
static BIDI_CONTROL: LazyLock<Regex> = LazyLock::new(|| class(r"\p{Bidi_Control}"));
/// What has no shape of its own: spaces, formats, marks, and those that fonts leave out (Unicode's derived property) or draw
/// blank, as the empty Braille pattern.
static VISIBLE: LazyLock<Regex> =
    LazyLock::new(|| class(r"[^\p{White_Space}\p{C}\p{M}\p{Default_Ignorable_Code_Point}\u{2800}]"));

#[expect(clippy::expect_used, reason = "a text of ours, which tests read")]
fn class(text: &str) -> Regex {
    Regex::new(text).expect("a class of characters")
}

impl CustomerName {
    /// The name in `text`, without the white space around it.
    pub fn parse(text: &str) -> Result<Self, BadCustomerName> {
        let name = text.trim();
        if name.is_empty() {
            Err(BadCustomerName::Empty)
        } else if name.chars().count() > 200 {
            Err(BadCustomerName::TooLong)
        } else if name.chars().any(char::is_control) {
            Err(BadCustomerName::Control)
        } else if BIDI_CONTROL.is_match(name) {
            Err(BadCustomerName::Bidi)
        } else if !VISIBLE.is_match(name) {
            Err(BadCustomerName::Invisible)
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    /// A name that was taken before, whatever the rules were then.
    pub(crate) fn stored(name: String) -> Self {
        Self(name)
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

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

    fn email(text: &str) -> Result<EmailAddress, BadEmailAddress> {
        EmailAddress::parse(text)
    }

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in ["ada@example.com", "A.Lovelace+1@Mail.Example.co", "o'brien@refused.test"] {
            assert!(email(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "Ada <ada@example.com>",
            "ada@[127.0.0.1]",
            "ada@exa mple.com",
            "ada\r\n@example.com",
            "ada@example.com\n",
            "ädä@example.com",
        ] {
            assert!(matches!(email(bad), Err(BadEmailAddress::Malformed)), "{bad:?}");
        }
        assert!(matches!(email(&format!("{}@example.com", "a".repeat(300))), Err(BadEmailAddress::TooLong)));
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        let name = |text: &str| CustomerName::parse(text).map(|name| name.as_str().to_owned());
        assert_eq!(name("  Ada Lovelace "), Ok("Ada Lovelace".into()));
        assert_eq!(name(" \t "), Err(BadCustomerName::Empty));
        assert_eq!(name("Ada\r\nBcc: all"), Err(BadCustomerName::Control));
        assert_eq!(name(&"é".repeat(200)), Ok("é".repeat(200)));
        assert_eq!(name(&"é".repeat(201)), Err(BadCustomerName::TooLong));
    }

    #[test]
    fn names_can_be_seen_and_turn_no_text_around() {
        let name = |text: &str| CustomerName::parse(text).map(drop);
        for good in ["李", "Ève", "O\u{2019}Brien", "عائشة", "नी\u{200d}ल", "🦄", "X Æ A-12", "e\u{301}"]
        {
            assert_eq!(name(good), Ok(()), "{good:?}");
        }
        for turned in ["Ada\u{202e}olleH", "\u{200f}Ada", "\u{2066}Ada\u{2069}", "A\u{61c}"] {
            assert_eq!(name(turned), Err(BadCustomerName::Bidi), "{turned:?}");
        }
        for unseen in [
            "\u{200b}",
            "\u{feff}\u{2060}",
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{ad}",
            "\u{2800}",
            "\u{301}",
            "\u{200b} \u{200b}",
            "\u{e0041}\u{e007f}",
            "\u{fe0f}",
            "\u{e000}",
        ] {
            assert_eq!(name(unseen), Err(BadCustomerName::Invisible), "{unseen:?}");
        }
    }

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
