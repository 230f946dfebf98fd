//! Access tokens: whoever registers somebody gets one, and reads their name and address with it.
//!
//! A token is `ID.MAC`: the id of a key, and an HMAC-SHA-256 (RFC 2104) by that key over what the token is for and whose it
//! is. Nothing is stored, and the same customer has the same token for as long as the first key stays the same.

use std::{fmt, str::FromStr};

use contracts::CustomerId;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use service::bearer::same;
use sha2::Sha256;
use thiserror::Error;
use uuid::Uuid;

/// What tokens are for. A token for something else, by the same key, would be another.
const PURPOSE: &[u8] = b"customer profile\0";
/// Half a SHA-256: what an HMAC's key should at least have (RFC 2104, section 3), in hexadecimal.
const SHORTEST: usize = 32;

/// The keys that sign and verify tokens; the first signs.
#[derive(Clone)]
pub struct AccessKeys {
    signing: Key,
    former: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: String,
    secret: SecretString,
}

/// What is no list of keys. It does not repeat any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadKeys {
    /// An empty list.
    #[error("there is no key in it")]
    None,
    /// Not `ID:KEY`.
    #[error("key {0} is not ID:KEY, with an id of 1 to 32 letters, digits, - and _")]
    Malformed(usize),
    /// Easy to guess.
    #[error("key {0} is shorter than {SHORTEST} characters")]
    Short(usize),
    /// Which of them made a token could not be told.
    #[error("key {0} has the id of one before it")]
    Again(usize),
}

impl FromStr for AccessKeys {
    type Err = BadKeys;

    fn from_str(text: &str) -> Result<Self, BadKeys> {
        let texts = text.split(',').map(str::trim).filter(|key| !key.is_empty());
        let mut keys = Vec::<Key>::new();
        for (place, text) in (1..).zip(texts) {
            let key = Key::parse(text, place)?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(BadKeys::Again(place));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let signing = keys.next().ok_or(BadKeys::None)?;
        Ok(Self { signing, former: keys.collect() })
    }
}

impl AccessKeys {
    /// One key that nobody else knows.
    pub fn random() -> Self {
        // Two times 122 bits from the operating system.
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self { signing: Key { id: "process".into(), secret: secret.into() }, former: Vec::new() }
    }

    /// The token of `customer`.
    pub fn token(&self, customer: CustomerId) -> String {
        self.signing.token(customer)
    }

    /// Whether `given` is a token of `customer`.
    pub fn admit(&self, given: &str, customer: CustomerId) -> bool {
        let keys = [&self.signing].into_iter().chain(&self.former);
        // Each is compared in constant time; which ids there are is no secret.
        keys.filter(|key| key.made(given)).any(|key| same(given, &key.token(customer)))
    }
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[access keys]")
    }
}

impl Key {
    fn parse(text: &str, place: usize) -> Result<Self, BadKeys> {
        let (id, secret) = text.split_once(':').ok_or(BadKeys::Malformed(place))?;
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=32).contains(&id.len()) || !id.bytes().all(good) {
            return Err(BadKeys::Malformed(place));
        }
        if secret.len() < SHORTEST {
            return Err(BadKeys::Short(place));
        }
        Ok(Self { id: id.to_owned(), secret: secret.into() })
    }

    fn made(&self, token: &str) -> bool {
        token.split_once('.').is_some_and(|(id, _)| id == self.id)
    }

    fn token(&self, customer: CustomerId) -> String {
        let mut mac = hmac(self.secret.expose_secret().as_bytes());
        mac.update(PURPOSE);
        mac.update(customer.0.as_bytes());
        format!("{}.{:x}", self.id, mac.finalize().into_bytes())
    }
}

#[expect(clippy::expect_used, reason = "an HMAC takes keys of every length (RFC 2104, section 2)")]
fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "2025:0123456789abcdef0123456789abcdef";
    const NEW: &str = "2026:fedcba9876543210fedcba9876543210";

    fn keys(text: &str) -> AccessKeys {
        text.parse().unwrap()
    }

    fn ada() -> CustomerId {
        CustomerId("019aa3c1-0000-7000-8000-000000000001".parse().unwrap())
    }

    /// The expected value is by another implementation, Python's `hmac`.
    #[test]
    fn a_token_is_an_hmac_over_purpose_and_customer() {
        assert_eq!(keys(OLD).token(ada()), "2025.451caa458c17196cfb78e1a762042c0bdcc53f6b358a7b7f6d0e89d9855e48fa");
    }

    #[test]
    fn a_token_is_of_one_customer_and_of_one_key() {
        let (keys, bob) = (keys(OLD), CustomerId(Uuid::now_v7()));
        let token = keys.token(ada());
        assert!(keys.admit(&token, ada()) && !keys.admit(&token, bob));
        let other: AccessKeys = "2025:another-key-under-the-same-id-as-the-first".parse().unwrap();
        assert!(!other.admit(&token, ada()));
        let (id, mac) = token.split_once('.').unwrap();
        let wrong = [mac, id, "2025.", "", &token[..token.len() - 1], &format!("{token}0"), &format!("2026.{mac}")];
        assert!(wrong.iter().all(|wrong| !keys.admit(wrong, ada())));
        assert!(!AccessKeys::random().admit(&AccessKeys::random().token(ada()), ada()));
    }

    #[test]
    fn keys_can_be_changed_while_tokens_are_out() {
        let rotated = keys(&format!("{NEW},{OLD}"));
        assert!(rotated.admit(&keys(OLD).token(ada()), ada()), "made before");
        assert_eq!(rotated.token(ada()), keys(NEW).token(ada()), "the first signs");
        assert!(!keys(NEW).admit(&keys(OLD).token(ada()), ada()), "the old key is gone");
    }

    #[test]
    fn what_is_no_list_of_keys_is_refused_without_being_repeated() {
        let parse = |text: &str| text.parse::<AccessKeys>().map(drop).unwrap_err();
        assert_eq!(parse(" , "), BadKeys::None);
        assert_eq!(parse("0123456789abcdef0123456789abcdef"), BadKeys::Malformed(1));
        assert_eq!(parse(&format!("{OLD},a b:0123456789abcdef0123456789abcdef")), BadKeys::Malformed(2));
        assert_eq!(parse("a:secret"), BadKeys::Short(1));
        assert_eq!(parse(&format!("{OLD},{OLD}")), BadKeys::Again(2));
        assert!(!format!("{:?}", keys(OLD)).contains("0123"));
    }
}
