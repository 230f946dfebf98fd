//! What somebody wants to follow: any id that the log lines of a flow bear.

use std::{fmt, str::FromStr};

use flow::logged::Hop;
use uuid::Uuid;

/// A customer, event, correlation or trace id. All are 128 bits; a trace id is only written without dashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted(Uuid);

impl Wanted {
    /// Whether `hop` belongs to a flow that is wanted.
    pub fn matches(self, hop: &Hop) -> bool {
        let ids = [Some(hop.event_id), Some(hop.correlation_id()), hop.subject, hop.trace_id];
        ids.contains(&Some(self.0))
    }
}

/// Of a transaction id (correlation id, dot, local id) the first half is enough.
impl FromStr for Wanted {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = text.split_once('.').map_or(text, |(correlation_id, _)| correlation_id);
        id.trim().parse().map(Self).map_err(|_| "not an id: a UUID or 32 hexadecimal digits")
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_ids_upper_case_and_transaction_ids_are_understood() {
        let plain: Wanted = "01a1fb09-30ce-71ff-b577-23afd0e8be0d".parse().unwrap();
        for text in [
            "01A1FB09-30CE-71FF-B577-23AFD0E8BE0D",
            "01a1fb0930ce71ffb57723afd0e8be0d",
            "01a1fb09-30ce-71ff-b577-23afd0e8be0d.791e837c-f1f4-5c72-ab3b-471db0b121af",
        ] {
            assert_eq!(text.parse(), Ok(plain), "{text}");
        }
        assert!("ada@example.com".parse::<Wanted>().is_err());
    }
}
