//! Where mail goes.

use std::str::FromStr;

use email_address::{EmailAddress as Syntax, Options};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use thiserror::Error;

use crate::Personal;

/// An address that a mail can be sent to (RFC 5321), by every mail server: ASCII, with a domain. Who registers, what an event
/// says and what a mail server is told are parsed by this one type.
///
/// A domain in another script is taken as its A-labels (IDNA, RFC 5891), so that `ada@bücher.example` and
/// `ada@xn--bcher-kva.example` are one address. A local part in another script needs a mail server with SMTPUTF8 (RFC 6531) at
/// every hop, and is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct EmailAddress(Personal);

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadEmailAddress {
    /// Longer than RFC 5321, section 4.5.3.1.3, leaves room for.
    #[error("must have at most 254 characters")]
    TooLong,
    /// Not `somebody@example.com`.
    #[error("must be an address like somebody@example.com")]
    Malformed,
    /// An internationalised local part.
    #[error("must have only ASCII characters before the @ (addresses by RFC 6531 can't be written to)")]
    LocalPartNotAscii,
}

impl EmailAddress {
    /// The address in `text`: as it was written, but for a domain that is not ASCII.
    pub fn parse(text: &str) -> Result<Self, BadEmailAddress> {
        // In bytes, before anything else looks at it.
        if text.len() > 4 * MAX_LENGTH {
            return Err(BadEmailAddress::TooLong);
        }
        let address = with_ascii_domain(text)?;
        if address.len() > MAX_LENGTH {
            return Err(BadEmailAddress::TooLong);
        }
        let options = Options::default().with_required_tld().without_display_text().without_domain_literal();
        match Syntax::parse_with_options(&address, options) {
            Ok(_) if !address.chars().any(char::is_control) => Ok(Self(Personal::new(address))),
            _ => Err(BadEmailAddress::Malformed),
        }
    }

    /// The address itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// RFC 5321, section 4.5.3.1.3, without the angle brackets.
const MAX_LENGTH: usize = 254;

fn with_ascii_domain(text: &str) -> Result<String, BadEmailAddress> {
    if text.is_ascii() {
        return Ok(text.to_owned());
    }
    let (local, domain) = text.rsplit_once('@').ok_or(BadEmailAddress::Malformed)?;
    if !local.is_ascii() {
        return Err(BadEmailAddress::LocalPartNotAscii);
    }
    let domain = idna::domain_to_ascii_strict(domain).map_err(|_| BadEmailAddress::Malformed)?;
    Ok(format!("{local}@{domain}"))
}

impl FromStr for EmailAddress {
    type Err = BadEmailAddress;

    fn from_str(text: &str) -> Result<Self, BadEmailAddress> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(|error| D::Error::custom(format_args!("an email address {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, BadEmailAddress> {
        EmailAddress::parse(text).map(|address| address.expose().to_owned())
    }

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in [
            "ada@example.com",
            "A.Lovelace+1@Mail.Example.co",
            "o'brien@refused.test",
            "\"ada lovelace\"@example.com",
            "\"a\\\"b@c\"@example.com",
        ] {
            assert_eq!(parsed(good), Ok(good.to_owned()), "{good}");
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
            "\"ada\r\nBcc: all\"@example.com",
            "\"ada\tlovelace\"@example.com",
            "ada@example.com\n",
            "ada>@example.com",
            "ada@bücher.example\n",
            "ada@bü cher.example",
            "ada@-bücher.example",
            "ada@bücher",
        ] {
            assert_eq!(parsed(bad), Err(BadEmailAddress::Malformed), "{bad:?}");
        }
        assert_eq!(parsed(&format!("{}@example.com", "a".repeat(300))), Err(BadEmailAddress::TooLong));
        assert_eq!(parsed(&format!("ada@{}.example", "ü".repeat(5000))), Err(BadEmailAddress::TooLong));
    }

    /// RFC 5891; UTS 46 maps what people type in another width or case.
    #[test]
    fn a_domain_in_another_script_is_taken_as_its_a_labels() {
        for written in ["ada@bücher.example", "ada@BÜCHER.example", "ada@bücher。example", "ada@xn--bcher-kva.example"]
        {
            assert_eq!(parsed(written), Ok("ada@xn--bcher-kva.example".to_owned()), "{written}");
        }
        assert_eq!(parsed("ädä@example.com"), Err(BadEmailAddress::LocalPartNotAscii));
    }

    #[test]
    fn what_an_event_says_is_parsed_as_what_a_form_says() {
        let read = |json: &str| serde_json::from_str::<EmailAddress>(json).map_err(|error| error.to_string());
        assert_eq!(read("\"ada@example.com\""), Ok(EmailAddress::parse("ada@example.com").expect("an address")));
        let problem = read("\"ada@example.com\\r\\nBcc: eve@example.com\"").expect_err("two lines");
        assert!(problem.starts_with("an email address must be") && !problem.contains("eve"), "{problem}");
    }

    #[test]
    fn an_address_is_not_shown_by_accident() {
        assert!(!format!("{:?}", EmailAddress::parse("ada@example.com")).contains("ada"));
    }
}
