//! What a form takes for a name: stricter than what an event may say, because the mail goes to somebody who may not have
//! asked for it.

use std::sync::LazyLock;

use contracts::{BadCustomerName, CustomerName};
use regex::Regex;
use thiserror::Error;

use crate::link::has_link;

/// Why a text is no name that anybody would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadName {
    /// No name at all.
    #[error(transparent)]
    NoName(#[from] BadCustomerName),
    /// They turn the direction of whatever text stands after them.
    #[error("must not have characters that change the direction of text")]
    Bidi,
    /// A person would see no name at all.
    #[error("must have a character that can be seen")]
    Invisible,
    /// A mail program would make a link of it.
    #[error("must not have a link or an internet address in it")]
    Link,
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

/// The name in `text`.
pub fn parse(text: &str) -> Result<CustomerName, BadName> {
    let name = CustomerName::parse(text)?;
    if BIDI_CONTROL.is_match(name.expose()) {
        Err(BadName::Bidi)
    } else if !VISIBLE.is_match(name.expose()) {
        Err(BadName::Invisible)
    } else if has_link(name.expose()) {
        Err(BadName::Link)
    } else {
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_seen_and_turn_no_text_around() {
        let name = |text: &str| parse(text).map(drop);
        for good in ["李", "Ève", "O\u{2019}Brien", "عائشة", "नी\u{200d}ल", "🦄", "X Æ A-12", "e\u{301}"]
        {
            assert_eq!(name(good), Ok(()), "{good:?}");
        }
        for turned in ["Ada\u{202e}olleH", "\u{200f}Ada", "\u{2066}Ada\u{2069}", "A\u{61c}"] {
            assert_eq!(name(turned), Err(BadName::Bidi), "{turned:?}");
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
            assert_eq!(name(unseen), Err(BadName::Invisible), "{unseen:?}");
        }
    }
}
