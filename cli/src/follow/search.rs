//! Finds the flows that an id belongs to: one pass finds their correlation ids, a second one their hops.

use std::collections::{BTreeMap, BTreeSet};

use flow::logged::Hop;
use uuid::Uuid;

use super::{
    flow_id::Wanted,
    source::{Source, Sources, scanned::Scanned},
};

/// The hops of every flow by its correlation id, each once; and what was read, in words.
pub struct Found {
    pub hops: BTreeMap<Uuid, BTreeSet<Hop>>,
    pub scanned: String,
    /// Files that could not be understood, and may have more.
    pub skipped: Vec<String>,
}

/// Looks wherever the flow may be. Only what belongs to it is held in memory.
pub fn search(sources: &mut Sources, wanted: Wanted) -> anyhow::Result<Found> {
    let mut hops = BTreeMap::new();
    let scanned = sources.each(|source| {
        let (ids, scanned) = correlation_ids(source, wanted)?;
        if !ids.is_empty() {
            hops = hops_of(source, &ids)?;
        }
        Ok((scanned, !ids.is_empty()))
    })?;
    let words: Vec<_> = scanned.iter().map(ToString::to_string).collect();
    let skipped = scanned.into_iter().flat_map(|scanned| scanned.skipped).collect();
    Ok(Found { hops, scanned: words.join(", "), skipped })
}

fn correlation_ids(source: &Source, wanted: Wanted) -> anyhow::Result<(BTreeSet<Uuid>, Scanned)> {
    let mut ids = BTreeSet::new();
    let scanned = source.read(&mut |line| {
        ids.extend(Hop::parse(line).filter(|hop| wanted.matches(hop)).map(|hop| hop.correlation_id()));
    })?;
    Ok((ids, scanned))
}

fn hops_of(source: &Source, ids: &BTreeSet<Uuid>) -> anyhow::Result<BTreeMap<Uuid, BTreeSet<Hop>>> {
    let mut hops: BTreeMap<Uuid, BTreeSet<Hop>> = BTreeMap::new();
    source.read(&mut |line| {
        if let Some(hop) = Hop::parse(line).filter(|hop| ids.contains(&hop.correlation_id())) {
            hops.entry(hop.correlation_id()).or_default().insert(hop);
        }
    })?;
    Ok(hops)
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        fs::{self, File},
        io::Write,
        path::PathBuf,
    };

    use flate2::{Compression, write::GzEncoder};
    use flow::logged::fixtures::{CUSTOMER, FLOW, ONBOARDED, TRACE, id, line};

    use super::*;

    /// A folder of logs that goes when the test ends.
    struct Logs(PathBuf);

    impl Logs {
        fn new(files: &[(&str, String)]) -> Self {
            let path = env::temp_dir().join(format!("fleet-search-{}", Uuid::now_v7()));
            fs::create_dir(&path).unwrap();
            for (name, text) in files {
                fs::write(path.join(name), text).unwrap();
            }
            Self(path)
        }

        fn search(&self, wanted: &str) -> Found {
            let wanted = wanted.parse().unwrap();
            let mut sources = Sources::chosen(Some(&self.0), false, PathBuf::new(), wanted).unwrap();
            search(&mut sources, wanted).unwrap()
        }
    }

    impl Drop for Logs {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn of_service(service: &str) -> String {
        let shorts = ONBOARDED.lines().filter(|short| short.contains(&format!(" {service} ")));
        shorts.map(|short| line(short) + "\n").collect()
    }

    #[test]
    fn every_id_of_a_flow_finds_all_of_it_in_all_logs() {
        let started = r#"{"level":"INFO","message":"started"}"#;
        let noise = format!("{started}\nnot JSON\n\u{0}\n{{\"message\":\"event reco");
        let logs = Logs::new(&[
            ("customer.jsonl", of_service("customer") + &noise),
            // Rotated while it was copied: some lines are in both.
            ("email.jsonl.1", of_service("email")),
            ("email.jsonl", of_service("email")),
            ("loyalty.jsonl", of_service("loyalty")),
            ("email.err", of_service("email")),
        ]);
        let event = id("welcome_email_sent").to_string();
        for wanted in [FLOW, CUSTOMER, TRACE, &event, &format!("{FLOW}.{event}")] {
            let found = logs.search(wanted);
            let sizes: Vec<_> = found.hops.iter().map(|(id, hops)| (id.to_string(), hops.len())).collect();
            assert_eq!(sizes, [(FLOW.to_owned(), 12)], "{wanted}");
        }
    }

    #[test]
    fn compressed_logs_are_read_or_named() {
        let logs = Logs::new(&[("loyalty.jsonl", of_service("loyalty")), ("email.jsonl.3.zst", String::new())]);
        for (name, service) in [("customer.jsonl.1.gz", "customer"), ("email.jsonl.2.gz", "email")] {
            let mut file = GzEncoder::new(File::create(logs.0.join(name)).unwrap(), Compression::default());
            file.write_all(of_service(service).as_bytes()).unwrap();
            file.finish().unwrap();
        }
        let found = logs.search(FLOW);
        assert_eq!(found.hops.values().map(BTreeSet::len).collect::<Vec<_>>(), [12]);
        assert!(found.skipped.len() == 1 && found.skipped[0].ends_with("email.jsonl.3.zst"), "{:?}", found.skipped);
        assert!(found.scanned.contains("without"), "{}", found.scanned);
    }

    #[test]
    fn several_flows_of_one_customer_are_kept_apart() {
        let later = Uuid::now_v7().to_string();
        let deletion = line("5 customer recorded customer_deleted").replace(FLOW, &later);
        let logs = Logs::new(&[("customer.jsonl", of_service("customer") + &deletion)]);
        assert_eq!(logs.search(CUSTOMER).hops.len(), 2);
        assert_eq!(logs.search(&later).hops.len(), 1);
    }

    #[test]
    fn what_is_not_found_says_how_much_was_read() {
        let logs = Logs::new(&[("email.jsonl", of_service("email")), ("empty.jsonl", String::new())]);
        let found = logs.search("00000000-0000-0000-0000-000000000001");
        assert!(found.hops.is_empty());
        assert_eq!(found.scanned, format!("3 lines in 2 files in {}", logs.0.display()));
    }
}
