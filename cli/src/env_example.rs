//! `.env.example` says what `docker-compose.yml` reads.

use std::{collections::BTreeMap, fs, path::Path};

use regex::Regex;

/// What Compose gives itself.
const BUILT_IN: &str = "COMPOSE_PROJECT_NAME";

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

fn all(pattern: &str, text: &str) -> BTreeMap<String, String> {
    let pattern = Regex::new(pattern).unwrap();
    let part = |found: &regex::Captures<'_>, part| found.get(part).map_or("", |text| text.as_str()).to_owned();
    pattern.captures_iter(text).map(|found| (part(&found, 1), part(&found, 2))).collect()
}

/// Every `${NAME:-default}`; and `NAME:` with nothing after it, which passes a variable on if it is there.
fn read_by_compose() -> BTreeMap<String, String> {
    let text = read("docker-compose.yml");
    let mut variables = all(r"\$\{([A-Z_]+)(?::?[-?]([^}]*))?\}", &text);
    variables.extend(all(r"(?m)^ +([A-Z_]+):()$", &text));
    variables.remove(BUILT_IN);
    variables
}

/// Every `NAME=value`; with a dash before it what has no default, and only an example.
fn told() -> BTreeMap<String, String> {
    let text = read(".env.example");
    let mut variables = all(r"(?m)^([A-Z_]+)=([^\s#]*)", &text);
    variables.extend(all(r"(?m)^# ([A-Z_]+)=()", &text));
    variables
}

#[test]
fn every_variable_is_told_with_its_default() {
    let told = told();
    assert!(told.len() > 20 && told["CUSTOMER_PORT"] == "8080", "{told:?}");
    assert_eq!(read_by_compose(), told);
}
