//! Which crate may depend on which. What a crate may name, cargo keeps by itself; here is what may stand in Cargo.toml.

use std::collections::BTreeSet;

use super::{
    paths::uses,
    tree::{Package, files, packages, root},
};

/// Of what `package` is built with, what is ours.
fn ours(package: &str) -> BTreeSet<String> {
    let packages = packages();
    let all: BTreeSet<_> = packages.keys().cloned().collect();
    packages[package].dependencies.intersection(&all).cloned().collect()
}

fn is_only(package: &str, allowed: &[&str]) {
    let more: Vec<_> = ours(package).into_iter().filter(|one| !allowed.contains(&one.as_str())).collect();
    assert!(more.is_empty(), "{package} may not depend on {more:?}");
}

/// The names of the crates in the folders that `here` takes.
fn names(here: impl Fn(&Package) -> bool) -> Vec<String> {
    packages().into_iter().filter(|(_, package)| here(package)).map(|(name, _)| name).collect()
}

#[test]
fn the_ground_knows_nothing_of_ours() {
    is_only("event", &[]);
    is_only("metrics", &[]);
}

#[test]
fn the_dance_knows_events_only() {
    is_only("contracts", &["event"]);
}

#[test]
fn a_flow_is_pure() {
    is_only("flow", &["contracts", "event"]);
    let built_with = &packages()["flow"].dependencies;
    for outside in ["axum", "sqlx", "tokio", "reqwest", "clap"] {
        assert!(!built_with.contains(outside), "flow may not depend on {outside}");
    }
}

#[test]
fn programs_see_the_fleet_from_outside() {
    is_only("client", &["contracts"]);
    is_only("e2e", &["client", "contracts"]);
    is_only("mail-sink", &[]);
    // Faults are injected by messaging.
    is_only("drills", &["client", "contracts", "e2e", "flow", "messaging"]);
}

#[test]
fn messaging_knows_neither_the_dance_nor_http_nor_flags() {
    is_only("messaging", &["event", "metrics"]);
    let built_with = &packages()["messaging"].dependencies;
    for outside in ["axum", "tower-http", "utoipa-swagger-ui", "clap", "reqwest"] {
        assert!(!built_with.contains(outside), "messaging may not depend on {outside}");
    }
}

#[test]
fn a_process_does_not_know_the_dance() {
    is_only("service", &["event", "messaging", "metrics"]);
}

#[test]
fn nothing_depends_on_programs_and_suites() {
    let programs = names(|package| ["cli", "e2e", "xtask"].iter().any(|top| package.folder.starts_with(top)));
    for lower in names(|package| package.folder.starts_with("shared") || package.folder.starts_with("services")) {
        let upwards: Vec<_> = ours(&lower).into_iter().filter(|one| programs.contains(one)).collect();
        assert!(upwards.is_empty(), "{lower} may not depend on {upwards:?}");
    }
}

#[test]
fn services_and_suites_know_no_service() {
    let services = names(|package| package.folder.starts_with("services"));
    for one in names(|package| package.folder.starts_with("services") || package.folder.starts_with("e2e")) {
        let others: Vec<_> = ours(&one).into_iter().filter(|other| services.contains(other)).collect();
        assert!(others.is_empty(), "{one} may not depend on {others:?}");
    }
}

/// It runs the services in one process and lists what they measure, and looks at them from outside everywhere else.
#[test]
fn the_program_knows_services_where_it_runs_them() {
    let services = names(|package| package.folder.starts_with("services"));
    let source = root().join("cli/src");
    for file in files(&source, ".rs") {
        let inside = file.strip_prefix(&source).unwrap();
        if ["run", "metrics"].iter().any(|module| inside.with_extension("").starts_with(module)) {
            continue;
        }
        // A module of ours that is called as a service is another thing.
        let here = |name: &str| source.join(format!("{name}.rs")).exists();
        for path in uses(&file) {
            assert!(!services.contains(&path[0]) || here(&path[0]), "{} uses {}", inside.display(), path.join("::"));
        }
    }
}
