//! `fleet metrics`: `docs/metrics.md`, made from what the services register. After a change:
//! `cargo run -p cli -- metrics >docs/metrics.md`

use std::fmt::Write;

use client::{http, output};
use messaging::{clock::Clock, database::Database};
use metrics::{Declaration, Kind};

use crate::run::members::{MEMBERS, OwnSettings};

/// What stands before the table and after it.
const TEXT: &str = include_str!("metrics/text.md");
const TABLE: &str = "<!-- table -->\n";
const BOUNDS: &str = "<!-- bounds -->";

/// Prints the documentation.
pub fn print() -> anyhow::Result<()> {
    output::print(&document()?)
}

fn document() -> anyhow::Result<String> {
    let declared = declared()?;
    Ok(TEXT.replace(TABLE, &table(&declared)).replace(BOUNDS, &bounds(&declared)))
}

/// A metric, and the services that have it; none stands for all.
struct Declared {
    metric: Declaration,
    services: Vec<&'static str>,
}

/// As the services say themselves; nothing is connected to.
fn declared() -> anyhow::Result<Vec<Declared>> {
    http::block_on(async {
        let (own, mut databases) = (OwnSettings::unconnected()?, Vec::new());
        for member in MEMBERS {
            let database = Database::new(&"postgres://localhost".into(), member.info.name, 4, Clock::System)?;
            service::http::measure::register(&database.metrics.registry);
            member.build(&database, &own)?;
            databases.push(database);
        }
        Ok(merge(&databases))
    })
}

fn merge(databases: &[Database]) -> Vec<Declared> {
    let mut all: Vec<Declared> = Vec::new();
    for database in databases {
        for metric in database.metrics.registry.declarations() {
            match all.iter_mut().find(|known| known.metric == metric) {
                Some(known) => known.services.push(database.service),
                None => all.push(Declared { metric, services: vec![database.service] }),
            }
        }
    }
    for known in all.iter_mut().filter(|known| known.services.len() == databases.len()) {
        known.services.clear();
    }
    all.sort_by_key(|known| known.metric.name);
    all
}

fn table(all: &[Declared]) -> String {
    let mut table =
        "| metric | kind | labels | unit | meaning | who |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
    for Declared { metric, services } in all {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Info => "info",
            Kind::Histogram(_) => "histogram",
        };
        let who = if services.is_empty() { "all".to_owned() } else { services.join(", ") };
        let (name, labels, unit) = (metric.name, labels.join(", "), metric.unit().unwrap_or_default());
        // Writing to a string can't fail.
        let _ = writeln!(table, "| `{name}` | {kind} | {labels} | {unit} | {} | {who} |", metric.help);
    }
    table.replace("|  |", "| |").replace("|  |", "| |")
}

/// The bounds of histograms, those with the same ones together.
fn bounds(all: &[Declared]) -> String {
    let mut same: Vec<(&[f64], Vec<String>)> = Vec::new();
    for Declared { metric, .. } in all {
        let (Kind::Histogram(bounds), name) = (metric.kind, format!("`{}`", metric.name)) else { continue };
        match same.iter_mut().find(|(known, _)| *known == bounds) {
            Some((_, names)) => names.push(name),
            None => same.push((bounds, vec![name])),
        }
    }
    let numbers = |bounds: &[f64]| bounds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let lines = same.into_iter().map(|(bounds, names)| format!("- {}: {}", names.join(", "), numbers(bounds)));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_documented_metrics_are_those_that_the_services_have() {
        let documented = include_str!("../../docs/metrics.md");
        let hint = "renew it: cargo run -p cli -- metrics >docs/metrics.md";
        assert_eq!(document().unwrap().trim_end(), documented.trim_end(), "{hint}");
    }

    /// Every name in the code blocks with an underscore is a metric, a label or a function.
    #[test]
    fn what_is_to_be_watched_exists() {
        let declared = declared().unwrap();
        let mut known: HashSet<&str> = declared.iter().flat_map(|known| known.metric.labels.clone()).collect();
        known.extend(["histogram_quantile", "misconfigured"]);
        for Declared { metric, .. } in &declared {
            known.insert(metric.name);
        }
        for event in [contracts::events::customer::ALL, contracts::events::email::ALL, contracts::events::loyalty::ALL]
        {
            known.extend(event.iter().map(|event| event.name));
        }
        let mut names = 0;
        for block in TEXT.split("```").skip(1).step_by(2) {
            let block = block.trim_start_matches("promql");
            for name in block.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|name| name.contains('_'))
            {
                let base = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix));
                assert!(
                    known.contains(name) || base.is_some_and(|base| known.contains(base)),
                    "no such metric: {name}"
                );
                names += 1;
            }
        }
        assert!(names > 10, "{names}");
    }

    /// <https://prometheus.io/docs/practices/naming/>
    #[test]
    fn names_follow_the_rules_of_prometheus() {
        for Declared { metric, .. } in declared().unwrap() {
            let name = metric.name;
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(metric.kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert!(!["_ms", "_millis", "_kb", "_minutes"].iter().any(|unit| name.contains(unit)), "{name}");
            if let Kind::Histogram(bounds) = metric.kind {
                assert!(bounds.len() <= 14 && bounds.is_sorted(), "{name}");
            }
            assert!(!metric.help.ends_with('.') && !metric.help.contains('|'), "{name}");
        }
    }
}
