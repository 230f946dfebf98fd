//! Tokens that requests bear (RFC 6750), and how they are compared.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The token of operators: it opens `/admin`, and whatever else asks for one.
#[derive(Clone, Debug)]
pub struct AdminToken(SecretString);

impl AdminToken {
    /// The token in a setting; an empty one is none. White space around it is an editor's line end, never meant.
    pub fn new(setting: Option<&SecretString>) -> Option<Self> {
        let token = setting?.expose_secret().trim();
        (!token.is_empty()).then(|| Self(token.into()))
    }

    /// Whether `given` is this token.
    pub fn is(&self, given: &str) -> bool {
        same(given, self.0.expose_secret())
    }
}

/// What a request bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer<'a> {
    /// It has no `Authorization`.
    Nothing,
    /// A token, which may be wrong.
    Token(&'a str),
    /// Something that is no bearer token.
    Unreadable,
}

impl<'a> Bearer<'a> {
    /// What these headers bear.
    pub fn of(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::Nothing,
            (Some(value), None) => value.to_str().ok().and_then(token).map_or(Self::Unreadable, Self::Token),
            _ => Self::Unreadable,
        }
    }
}

fn token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// Compares digests, in constant time: neither a secret's beginning nor its length can be measured.
pub fn same(given: &str, secret: &str) -> bool {
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    digest(given).ct_eq(&digest(secret)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_whole_token_counts() {
        let bearer = |values: &[&'static str]| {
            let headers = values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap()));
            match Bearer::of(&headers.collect()) {
                Bearer::Token(token) => Some(token.to_owned()),
                Bearer::Nothing => Some("nothing".into()),
                Bearer::Unreadable => None,
            }
        };
        assert_eq!(bearer(&["bEARER  a.b "]).as_deref(), Some("a.b"));
        assert_eq!(bearer(&[]).as_deref(), Some("nothing"));
        for wrong in [&["Bearer"][..], &["Bearer "], &["Basic YTpi"], &["Bearerx y"], &["é"]] {
            assert_eq!(bearer(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_empty_setting_is_no_token() {
        assert!(AdminToken::new(None).is_none() && AdminToken::new(Some(&" \n".into())).is_none());
        let token = AdminToken::new(Some(&" secret\r\n".into())).unwrap();
        assert!(token.is("secret") && !token.is("secre") && !token.is("secrets") && !token.is(""));
    }
}
