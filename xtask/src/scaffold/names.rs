//! A name in all its forms.

use thiserror::Error;

/// Why a text is not a valid name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// Not of the right characters.
    #[error(
        "`{0}` is not a valid name: it needs lower-case letters, digits and single underscores, and begins with a letter (as in {1})"
    )]
    Malformed(String, String),
    /// A word of the language.
    #[error("`{0}` is not a valid name: it is a keyword of Rust (`{0}_service` would be free)")]
    Keyword(String),
    /// Longer than what fits every place where it stands.
    #[error("`{0}` is too long: at most {MAX} characters")]
    TooLong(String),
}

/// The longest name: it is a database role, a queue, and a part of longer names.
const MAX: usize = 40;

/// A name of a service or an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    snake: String,
}

impl Name {
    /// Reads `payment_account_opened`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if !is_snake_case(text) {
            return Err(NameError::Malformed(text.to_owned(), suggestion(text)));
        }
        if text.len() > MAX {
            return Err(NameError::TooLong(text.to_owned()));
        }
        if syn::parse_str::<syn::Ident>(text).is_err() {
            return Err(NameError::Keyword(text.to_owned()));
        }
        Ok(Self { snake: text.to_owned() })
    }

    /// `payment_account_opened`
    pub fn snake(&self) -> &str {
        &self.snake
    }

    /// `PaymentAccountOpened`
    pub fn camel(&self) -> String {
        let capitalized = |word: &str| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
        };
        self.snake.split('_').map(capitalized).collect()
    }

    /// `PAYMENT_ACCOUNT_OPENED`
    pub fn shouting(&self) -> String {
        self.snake.to_ascii_uppercase()
    }
}

fn is_snake_case(text: &str) -> bool {
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.split('_').all(word)
}

/// The nearest name that would do.
fn suggestion(text: &str) -> String {
    let mut snake = String::new();
    for letter in text.chars() {
        match letter {
            'A'..='Z' if snake.ends_with(|last: char| last.is_ascii_lowercase()) => {
                snake.push('_');
                snake.push(letter.to_ascii_lowercase());
            }
            'A'..='Z' | 'a'..='z' | '0'..='9' => snake.push(letter.to_ascii_lowercase()),
            _ if snake.ends_with('_') || snake.is_empty() => {}
            _ => snake.push('_'),
        }
    }
    let snake = snake.trim_matches('_').trim_start_matches(|first: char| first.is_ascii_digit());
    if is_snake_case(snake) { snake.to_owned() } else { "payment".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_in_all_its_forms() {
        let name = Name::parse("payment_account_opened").unwrap();
        assert_eq!(name.snake(), "payment_account_opened");
        assert_eq!(name.camel(), "PaymentAccountOpened");
        assert_eq!(name.shouting(), "PAYMENT_ACCOUNT_OPENED");
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_reason_and_another_one() {
        for (text, suggested) in [
            ("Payment", "payment"),
            ("paymentService", "payment_service"),
            ("payment-service", "payment_service"),
            ("payment__x", "payment_x"),
            ("_x", "x"),
            ("2pay", "pay"),
            ("../etc", "etc"),
            ("pay ment", "pay_ment"),
            ("", "payment"),
            ("zahlung_ü", "zahlung"),
        ] {
            let error = NameError::Malformed(text.into(), suggested.into());
            assert_eq!(Name::parse(text), Err(error), "{text}");
        }
        assert_eq!(Name::parse("match"), Err(NameError::Keyword("match".into())));
        assert_eq!(Name::parse(&"x".repeat(41)), Err(NameError::TooLong("x".repeat(41))));
    }
}
