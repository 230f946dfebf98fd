//! Behaviour by recipient domain, so that each answer of a mail server can be had on purpose.

use std::collections::HashMap;

use parking_lot::Mutex;

/// The table of domains, for `--help`.
pub const HELP: &str = "\
Recipients with these domains get special treatment, all others are accepted:
  refused.test      RCPT: 550 5.1.1 (no such user)
  bare550.test      RCPT: 550 without an enhanced status code
  policy-rcpt.test  RCPT: 550 5.7.1 (policy, not the address)
  policy.test       after the data: 554 5.7.1, nothing is kept
  busy.test         RCPT: 451 for the first two attempts at an address, then accepted
  always-busy.test  RCPT: 451, always
  hang.test         the first mail to an address is kept but never answered; later ones are accepted
  lost.test         the first mail to an address is kept, and the connection closed instead of an answer
  slow.test         every mail is accepted, nine seconds after it was said";

const BUSY: &str = "451 4.3.0 try again later";
/// Attempts are remembered for so many addresses; then counting starts anew, as memory must not grow for ever.
const MAX_ADDRESSES: usize = 100_000;

/// What becomes of a mail whose data has arrived.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Keep it and say so.
    Accept,
    /// Answer this and forget it.
    Refuse(&'static str),
    /// Keep it and never answer: the sender cannot know.
    Hang,
    /// Keep it and hang up: neither can it then.
    HangUp,
    /// Keep it and say so, later than a sender in a hurry waits.
    AcceptSlowly,
}

/// The rules, and the attempts they count.
#[derive(Default)]
pub struct Rules {
    attempts: Mutex<HashMap<String, u32>>,
}

impl Rules {
    /// Why RCPT to this address is refused, if it is.
    pub fn refuse_rcpt(&self, address: &str) -> Option<&'static str> {
        match domain(address).as_str() {
            "refused.test" => Some("550 5.1.1 no such user"),
            "bare550.test" => Some("550 mailbox unavailable"),
            "policy-rcpt.test" => Some("550 5.7.1 relaying denied"),
            "always-busy.test" => Some(BUSY),
            "busy.test" => (self.attempt(address) <= 2).then_some(BUSY),
            _ => None,
        }
    }

    /// What to do with a mail to these recipients.
    pub fn judge(&self, recipients: &[String]) -> Verdict {
        if recipients.iter().any(|to| domain(to) == "policy.test") {
            return Verdict::Refuse("554 5.7.1 refused by policy");
        }
        for to in recipients {
            match domain(to).as_str() {
                "hang.test" if self.attempt(to) == 1 => return Verdict::Hang,
                "lost.test" if self.attempt(to) == 1 => return Verdict::HangUp,
                "slow.test" => return Verdict::AcceptSlowly,
                _ => {}
            }
        }
        Verdict::Accept
    }

    /// Counts an attempt at this address: 1 for the first.
    fn attempt(&self, address: &str) -> u32 {
        let mut attempts = self.attempts.lock();
        if attempts.len() >= MAX_ADDRESSES {
            attempts.clear();
        }
        let count = attempts.entry(address.to_lowercase()).or_default();
        *count += 1;
        *count
    }
}

fn domain(address: &str) -> String {
    address.rsplit_once('@').map(|(_, domain)| domain.to_lowercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_address_is_refused_twice_whatever_its_case() {
        let rules = Rules::default();
        assert_eq!(rules.refuse_rcpt("ada@busy.test"), Some(BUSY));
        assert_eq!(rules.refuse_rcpt("Ada@Busy.TEST"), Some(BUSY));
        assert_eq!(rules.refuse_rcpt("ada@busy.test"), None);
        assert_eq!(rules.refuse_rcpt("bob@busy.test"), Some(BUSY));
    }

    #[test]
    fn an_answer_is_lost_once_and_slow_always() {
        let rules = Rules::default();
        for (address, first, then) in [
            ("ada@hang.test", Verdict::Hang, Verdict::Accept),
            ("ada@lost.test", Verdict::HangUp, Verdict::Accept),
            ("ada@slow.test", Verdict::AcceptSlowly, Verdict::AcceptSlowly),
        ] {
            let to = [address.to_owned()];
            assert_eq!((rules.judge(&to), rules.judge(&to)), (first, then), "{address}");
        }
    }

    #[test]
    fn one_recipient_against_policy_refuses_the_mail() {
        let to = ["ada@example.com".to_owned(), "bob@policy.test".to_owned()];
        assert!(matches!(Rules::default().judge(&to), Verdict::Refuse(_)));
    }
}
