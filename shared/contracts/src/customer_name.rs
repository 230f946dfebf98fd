//! What a mail calls a customer.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use thiserror::Error;

use crate::Personal;

/// A customer's name: 1 to 200 characters, none of them a control character. Who registers and what an event says are parsed
/// by this one type: a name may stand in a mail's header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CustomerName(Personal);

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
}

impl CustomerName {
    /// The name in `text`, without the white space around it.
    pub fn parse(text: &str) -> Result<Self, BadCustomerName> {
        let name = text.trim();
        if name.is_empty() {
            Err(BadCustomerName::Empty)
        } else if name.chars().count() > 200 {
            Err(BadCustomerName::TooLong)
        } else if name.chars().any(breaks_lines) {
            Err(BadCustomerName::Control)
        } else {
            Ok(Self(Personal::new(name)))
        }
    }

    /// The name itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Control characters, and the two line breaks of Unicode that are none.
fn breaks_lines(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

impl FromStr for CustomerName {
    type Err = BadCustomerName;

    fn from_str(text: &str) -> Result<Self, BadCustomerName> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for CustomerName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(|error| D::Error::custom(format_args!("a name {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        let name = |text: &str| CustomerName::parse(text).map(|name| name.expose().to_owned());
        assert_eq!(name("  Ada Lovelace "), Ok("Ada Lovelace".into()));
        assert_eq!(name(" \t "), Err(BadCustomerName::Empty));
        assert_eq!(name("Ada\r\nBcc: all"), Err(BadCustomerName::Control));
        assert_eq!(name("Ada\u{2028}Lovelace"), Err(BadCustomerName::Control));
        assert_eq!(name(&"é".repeat(200)), Ok("é".repeat(200)));
        assert_eq!(name(&"é".repeat(201)), Err(BadCustomerName::TooLong));
    }

    #[test]
    fn what_an_event_says_is_parsed_as_what_a_form_says() {
        let read = |json: &str| serde_json::from_str::<CustomerName>(json).map_err(|error| error.to_string());
        assert_eq!(read("\"Ada\""), Ok(CustomerName::parse("Ada").expect("a name")));
        let problem = read("\"Ada\\r\\nBcc: eve@example.com\"").expect_err("two lines");
        assert!(problem.starts_with("a name must not have control") && !problem.contains("eve"), "{problem}");
        assert!(!format!("{:?}", read("\"Ada\"")).contains("Ada"));
    }
}
