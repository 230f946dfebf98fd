//! The template of a service: a crate of this workspace, so that it is compiled, linted and tested as it stands.
//!
//! A line of its text may stand between markers, which are comments: `<template>` … `</template>` is only for the
//! template itself, `<instance>` only for what is made of it, `<publishes>` and `<silent>` for a service that publishes an
//! event or none. What the template could not compile is a comment that begins with `//= `.

use super::names::Name;

/// What stands in the place of the template's names.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    /// The service.
    pub service: &'a Name,
    /// The event that it reacts to.
    pub on: &'a Name,
    /// The owner of that event.
    pub owner: &'a str,
    /// The event that it publishes, if it does.
    pub publishes: Option<&'a Name>,
}

/// The template's text as one for `names`.
pub fn instantiate(text: &str, names: &Names<'_>) -> String {
    let mut text = select(text, names.publishes.is_some());
    for (from, to) in replacements(names) {
        text = text.replace(&from, &to);
    }
    text
}

/// Leaves out the markers and what stands between those that are not meant.
fn select(text: &str, publishes: bool) -> String {
    let mut selected = String::new();
    let mut inside: Option<bool> = None;
    for line in text.lines() {
        let marker = line.trim().trim_start_matches("//").trim_start_matches('#').trim();
        match marker {
            "<template>" => inside = Some(false),
            "<instance>" => inside = Some(true),
            "<publishes>" => inside = Some(publishes),
            "<silent>" => inside = Some(!publishes),
            "</template>" | "</instance>" | "</publishes>" | "</silent>" => inside = None,
            _ if inside == Some(false) => {}
            _ => {
                selected.push_str(&line.replacen("//= ", "", 1).replace("//=", ""));
                selected.push('\n');
            }
        }
    }
    selected
}

/// The longer names first: the shorter ones are parts of them.
fn replacements(names: &Names<'_>) -> Vec<(String, String)> {
    let Names { service, on, owner, publishes } = names;
    let mut replacements = Vec::new();
    let mut replace = |from: &str, to: &str| replacements.push((from.to_owned(), to.to_owned()));
    if let Some(event) = publishes {
        replace("template_service_recorded", event.snake());
        replace("TemplateServiceRecorded", &event.camel());
    }
    replace("crate::contract::", &format!("contracts::events::{}::", service.snake()));
    replace("../../../../shared", "../../../shared");
    replace("TEMPLATE_SERVICE", &service.shouting());
    replace("template_service", service.snake());
    replace("events::customer::CustomerCreated", &format!("events::{owner}::{}", on.camel()));
    replace("customer::CustomerCreated", &format!("{owner}::{}", on.camel()));
    replace("events::customer::ALL", &format!("events::{owner}::ALL"));
    replace("database(\"customer\"", &format!("database(\"{owner}\""));
    replace("CustomerCreated", &on.camel());
    replace("customer_created", on.snake());
    replacements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_in_all_their_forms() {
        let parse = |text| Name::parse(text).unwrap();
        let (service, on, event) = (parse("payment"), parse("status_points_added"), parse("account_opened"));
        let names = Names { service: &service, on: &on, owner: "loyalty", publishes: Some(&event) };
        let text = "use events::customer::CustomerCreated; // <x>\n// <silent>\nno\n// </silent>\n// <instance>\n//= TEMPLATE_SERVICE\n// </instance>\n\"template_service_recorded\" customer_created\n";
        assert_eq!(
            instantiate(text, &names),
            "use events::loyalty::StatusPointsAdded; // <x>\nPAYMENT\n\"account_opened\" status_points_added\n"
        );
    }
}
