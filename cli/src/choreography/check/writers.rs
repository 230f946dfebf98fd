//! Who writes to an exchange that is another's, or could.

use std::collections::BTreeSet;

use regex::Regex;

use super::{
    declared::Declared,
    found::{Found, Publisher, Rights},
};

/// A line for each second writer.
pub fn second_writers(declared: &Declared, found: &Found) -> Vec<String> {
    let publishing = found.publishers.iter().collect::<BTreeSet<_>>().into_iter();
    let publishing = publishing.filter_map(|publisher| publishes(declared, publisher));
    let rights = found.rights.iter().flatten();
    publishing.chain(rights.flat_map(|rights| too_much(declared, rights))).collect()
}

fn publishes(declared: &Declared, Publisher { exchange, user }: &Publisher) -> Option<String> {
    let owner = declared.exchanges.get(exchange).filter(|owner| **owner != user)?;
    Some(format!(
        "second writer: user {user} publishes to exchange {exchange}, which is {owner}'s: stop it, and narrow its rights"
    ))
}

/// Whoever may configure an exchange may delete it and make another.
fn too_much(declared: &Declared, Rights { user, configure, write }: &Rights) -> Vec<String> {
    let of_others = |pattern: &str| -> Vec<&str> {
        let others = declared.exchanges.iter().filter(|(_, owner)| *owner != user);
        others.map(|(exchange, _)| exchange.as_str()).filter(|exchange| matches(pattern, exchange)).collect()
    };
    let too_wide = [("configure", configure), ("write", write)].map(|(right, pattern)| {
        let exchanges = of_others(pattern);
        (!exchanges.is_empty()).then(|| {
            let exchanges = exchanges.join(", ");
            format!(
                "second writer: user {user} has the right to {right} exchanges of others ({exchanges}): \
                 narrow `{pattern}` by rabbitmqctl set_permissions"
            )
        })
    });
    too_wide.into_iter().flatten().collect()
}

/// As RabbitMQ does: anywhere in the name, and an empty pattern matches nothing. What Rust's expressions do not know (theirs
/// are Perl's) counts as a match: better one line too many.
fn matches(pattern: &str, exchange: &str) -> bool {
    !pattern.is_empty() && Regex::new(pattern).map_or(true, |regex| regex.is_match(exchange))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Definitions {
        permissions: Vec<Rights>,
    }

    #[test]
    fn the_users_that_we_make_may_write_their_own_exchanges_only_but_the_administrator() {
        let definitions = include_str!("../../../../scripts/lib/definitions.json");
        let mut rights = serde_json::from_str::<Definitions>(definitions).unwrap().permissions;
        let may_write_everything = |rights: &Rights| rights.write == ".*";
        assert_eq!(rights.iter().find(|rights| may_write_everything(rights)).unwrap().user, "admin");
        rights.retain(|rights| rights.user != "admin");
        let found = Found { rights: Some(rights), ..Found::default() };
        assert_eq!(second_writers(&Declared::new(), &found), Vec::<String>::new());
    }
}
