//! Names that are links: mail programs make one of whatever looks like an internet address, and so a form that mails
//! "Hello, win-a-car.example" to strangers is a spam relay.

/// Whether a mail program would make a link of some part of `name`.
pub fn has_link(name: &str) -> bool {
    let name = name.replace(['。', '．', '｡'], ".");
    let lower = name.to_lowercase();
    let in_words = |character: char| character.is_alphanumeric() || matches!(character, '.' | '-' | '_');
    lower.contains("://") || lower.contains("www.") || name.split(|c| !in_words(c)).any(is_host)
}

/// Two words joined by a dot, of which the last could be a top-level domain. Not one of these: `St.John`, `J.R.R.Tolkien`,
/// where after a title or an initial comes a word that begins with a capital.
fn is_host(word: &str) -> bool {
    let mut labels = word.trim_matches('.').rsplit('.');
    let (Some(last), Some(before)) = (labels.next(), labels.next()) else { return false };
    let could_be_top_level = last.chars().count() >= 2 && last.chars().all(char::is_alphabetic);
    could_be_top_level && !(is_capitalised(last) && last.chars().count() > 2 && is_title(before))
}

fn is_title(word: &str) -> bool {
    word.chars().count() == 1 || ["St", "Dr", "Mr", "Mrs", "Ms", "Prof", "Fr", "Sr"].contains(&word)
}

fn is_capitalised(word: &str) -> bool {
    let mut characters = word.chars();
    characters.next().is_some_and(char::is_uppercase) && characters.any(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_told_from_names() {
        for link in [
            "http://example.com",
            "Ada HTTPS://x",
            "www.example",
            "WWW.Example.Com",
            "example.com/win",
            "Ada (example.com)",
            "click bit.ly now",
            "EXAMPLE.COM",
            "Evil.Com",
            "eve@example.com",
            "win-a-car.example",
            "example。com",
            "пример.рф",
            "a.com",
        ] {
            assert!(has_link(link), "{link}");
        }
        for name in [
            "J.R. Smith",
            "J.R.R. Tolkien",
            "J.R.R.Tolkien",
            "St. John",
            "St.John",
            "Anne-Marie O'Neil",
            "Ada Lovelace, Ph.D.",
            "Martin Luther King Jr.",
            "Müller & Söhne",
            "A. B.",
            "C/O Ada",
            "...",
            "李小龙",
        ] {
            assert!(!has_link(name), "{name}");
        }
    }
}
