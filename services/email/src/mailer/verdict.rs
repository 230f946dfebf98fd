//! What a mail server's answer means: for the customer, for later, or for the operator.

use std::time::Duration;

use messaging::backoff::Backoff;

/// What came of an attempt. The texts are the server's and may name the recipient: they stay in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The server took the mail.
    Accepted,
    /// The server's verdict on the address: it will never take a mail to it.
    Refused(String),
    /// Not now: a 4xx.
    Later(String),
    /// No connection, or no answer before the mail was said.
    Unreachable(String),
    /// The whole mail was said, and then came no answer: it may have been accepted. Another attempt may be a second copy.
    Perhaps(String),
    /// A 5xx that is no verdict on the address: a wrong password, a policy, a greeting. Ours to fix; meanwhile the mail
    /// is kept. A wrong password must not deactivate every customer.
    Misconfigured(String),
}

/// What was being said when the server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Greeting, EHLO, STARTTLS, AUTH.
    Session,
    /// MAIL FROM: about the sender.
    Sender,
    /// RCPT TO: about the address.
    Recipient,
    /// DATA.
    Data,
    /// The mail itself and the final dot.
    Content,
}

/// Reads a negative answer (RFC 5321, section 4.2; enhanced codes: RFC 3463).
pub fn read(phase: Phase, code: Option<u16>, text: &str) -> DeliveryResult {
    let said = || match code {
        Some(code) => format!("{code} {text}"),
        None => text.to_owned(),
    };
    match code {
        Some(code) if (500..600).contains(&code) => {
            if is_about_the_address(phase, text) {
                DeliveryResult::Refused(said())
            } else {
                DeliveryResult::Misconfigured(said())
            }
        }
        Some(_) => DeliveryResult::Later(said()),
        None if phase == Phase::Content => DeliveryResult::Perhaps(said()),
        None => DeliveryResult::Unreachable(said()),
    }
}

impl DeliveryResult {
    /// As metrics and spans call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused(_) => "refused",
            Self::Later(_) => "later",
            Self::Unreachable(_) => "unreachable",
            Self::Perhaps(_) => "perhaps",
            Self::Misconfigured(_) => "misconfigured",
        }
    }

    /// Whether the server did not mean to take any mail of ours just now: such time says nothing about a customer.
    pub fn is_unwilling(&self) -> bool {
        matches!(self, Self::Misconfigured(_) | Self::Unreachable(_))
    }
}

/// 5.1.x but for the three about the sender's address, or 5.2.1 (mailbox disabled). Without such a code nothing is surely
/// about the address: a bare 550 is also what servers say to relaying and to senders on a block list.
fn is_about_the_address(phase: Phase, text: &str) -> bool {
    match (phase, enhanced(text)) {
        (Phase::Session | Phase::Sender, _) => false,
        (_, Some((5, 1, detail))) => !matches!(detail, 7..=9),
        (_, Some((5, 2, 1))) => true,
        _ => false,
    }
}

/// The enhanced status code that a reply begins with.
fn enhanced(text: &str) -> Option<(u16, u16, u16)> {
    let mut parts = text.split_whitespace().next()?.splitn(3, '.').map(|part| part.parse().ok());
    match (parts.next()??, parts.next()??, parts.next()??) {
        (class @ (2 | 4 | 5), subject, detail) => Some((class, subject, detail)),
        _ => None,
    }
}

/// When an address that was refused is asked for once more: late enough for a burst of refusals to be seen as one.
pub const ASK_AGAIN: Duration = Duration::from_secs(2);

/// When to try again after `attempt` attempts: doubling, with jitter, and slowly where only the operator can help. What was
/// perhaps accepted, `perhaps` times by now, is said once more soon (a server that broke off has mostly not taken it), and
/// then rarely.
pub fn delay(verdict: &DeliveryResult, attempt: i32, perhaps: i32) -> Duration {
    let (backoff, failures) = match verdict {
        DeliveryResult::Misconfigured(_) | DeliveryResult::Refused(_) => {
            (Backoff::new(Duration::from_secs(10), Duration::from_mins(10)), attempt)
        }
        DeliveryResult::Perhaps(_) if perhaps <= 1 => (Backoff::new(Duration::from_secs(5), Duration::from_secs(5)), 1),
        DeliveryResult::Perhaps(_) => (Backoff::new(Duration::from_mins(10), Duration::from_hours(6)), perhaps - 1),
        _ => (Backoff::new(Duration::from_secs(1), Duration::from_mins(5)), attempt),
    };
    backoff.after(u32::try_from(failures).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verdict_on_the_address_is_a_refusal() {
        use Phase::{Content, Recipient, Sender, Session};
        for (phase, code, text, refused) in [
            (Recipient, 550, "5.1.1 no such user", true),
            (Recipient, 553, "5.1.3 bad syntax", true),
            (Content, 550, "5.1.1 no such user", true),
            (Recipient, 550, "5.2.1 mailbox disabled", true),
            (Recipient, 550, "no such user here", false),
            (Recipient, 551, "user not local", false),
            (Recipient, 553, "mailbox name not allowed", false),
            (Recipient, 550, "5.7.1 relaying denied", false),
            (Recipient, 550, "5.2.2 mailbox full", false),
            (Recipient, 552, "storage exceeded", false),
            (Recipient, 503, "bad sequence", false),
            (Content, 550, "looks like spam", false),
            (Content, 554, "5.7.1 refused by policy", false),
            (Sender, 550, "5.1.1 whoever you are", false),
            (Recipient, 550, "5.1.8 bad sender's system address", false),
            (Session, 535, "5.7.8 authentication failed", false),
            (Session, 554, "no service here", false),
        ] {
            let verdict = read(phase, Some(code), text);
            assert_eq!(matches!(verdict, DeliveryResult::Refused(_)), refused, "{code} {text}");
            assert_eq!(matches!(verdict, DeliveryResult::Misconfigured(_)), !refused, "{code} {text}");
        }
    }

    #[test]
    fn four_hundreds_and_silence_are_for_later() {
        assert!(matches!(read(Phase::Recipient, Some(451), "4.3.0 try again"), DeliveryResult::Later(_)));
        assert!(matches!(read(Phase::Session, None, "connection refused"), DeliveryResult::Unreachable(_)));
        assert!(matches!(read(Phase::Data, None, "reset"), DeliveryResult::Unreachable(_)));
        assert!(matches!(read(Phase::Content, None, "reset"), DeliveryResult::Perhaps(_)));
        assert!(matches!(read(Phase::Content, Some(451), "later"), DeliveryResult::Later(_)));
    }

    #[test]
    fn delays_grow_and_end() {
        let later = DeliveryResult::Later(String::new());
        let seconds = |attempt| delay(&later, attempt, 0).as_secs_f64();
        assert!((0.75..=1.25).contains(&seconds(1)));
        assert!((6.0..=10.0).contains(&seconds(4)));
        assert!((225.0..=375.0).contains(&seconds(1000)));
        assert!(delay(&DeliveryResult::Misconfigured(String::new()), 1, 0) >= Duration::from_millis(7500));
    }
}
