//! What the tree has already: services, events, ports, names that are taken.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail, ensure};
use contracts::{SERVICES, choreography};
use toml_edit::DocumentMut;

use super::names::Name;

/// Operations ports lie so far above the public ones.
const OPERATIONS: u16 = 1000;
/// Where a free port is looked for.
const PORTS: std::ops::Range<u16> = 8083..8200;

/// The project's folder.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Its path.
    pub root: PathBuf,
}

impl Tree {
    /// The tree at `root`; unless `force`, only if nothing in it is uncommitted.
    pub fn open(root: &Path, force: bool) -> anyhow::Result<Self> {
        let tree = Self { root: root.to_owned() };
        if !force {
            tree.ensure_clean()?;
        }
        Ok(tree)
    }

    fn ensure_clean(&self) -> anyhow::Result<()> {
        let status = Command::new("git").args(["status", "--porcelain"]).current_dir(&self.root).output();
        let status = status.context("cannot start git (--force does without)")?;
        ensure!(status.status.success(), "this is not a git checkout (--force does without)");
        let changes = String::from_utf8_lossy(&status.stdout);
        ensure!(
            changes.is_empty(),
            "there are uncommitted changes: commit or stash them, so that `git diff` shows what this command does \
             (--force does without)\n{changes}"
        );
        Ok(())
    }

    /// Fails if a crate, a service or an event has this name already.
    pub fn ensure_free(&self, name: &Name) -> anyhow::Result<()> {
        let text = name.snake();
        if contracts::services::named(text).is_some() {
            bail!("`{text}` is a service already (taken: {})", list(service_names()));
        }
        ensure!(event_names().all(|event| event != text), "`{text}` is an event already");
        ensure!(
            !self.packages()?.contains(text),
            "`{text}` is the name of a crate that the project uses (`{text}_service` would be free)"
        );
        Ok(())
    }

    /// Every crate of the workspace and below it, as Rust code names it.
    fn packages(&self) -> anyhow::Result<BTreeSet<String>> {
        let lock = std::fs::read_to_string(self.root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
        let lock: DocumentMut = lock.parse().context("cannot parse Cargo.lock")?;
        let packages = lock.get("package").and_then(|packages| packages.as_array_of_tables()).into_iter().flatten();
        let names = packages.filter_map(|package| Some(package.get("name")?.as_str()?.replace('-', "_")));
        Ok(names.chain(["std", "core", "alloc", "test", "proc_macro", "shared"].map(str::to_owned)).collect())
    }

    /// `wanted`, if it and its operations port are free; else the first pair that is.
    pub fn ports(&self, wanted: Option<u16>) -> anyhow::Result<(u16, u16)> {
        let taken: BTreeSet<u16> =
            SERVICES.iter().flat_map(|service| [service.http_port, service.operations_port]).collect();
        let free = |port: u16| {
            !taken.contains(&port) && port.checked_add(OPERATIONS).is_some_and(|port| !taken.contains(&port))
        };
        let first = PORTS.into_iter().find(|port| free(*port)).context("no port is free")?;
        match wanted {
            None => Ok((first, first + OPERATIONS)),
            Some(port) if !(1024..32_768 - OPERATIONS).contains(&port) => {
                bail!(
                    "{port} is not a valid port here: it is 1024 to {} (higher ones are for outgoing connections)",
                    32_767 - OPERATIONS
                )
            }
            Some(port) if !free(port) => {
                bail!("the port {port} or {} is taken: {first} would be free", port + OPERATIONS)
            }
            Some(port) => Ok((port, port + OPERATIONS)),
        }
    }
}

/// The event `name`; the error names those that exist.
pub fn event(name: &str) -> anyhow::Result<event::EventType> {
    let found = choreography::event_types().into_iter().find(|event| event.name == name);
    found.with_context(|| format!("there is no event `{name}`; there are: {}", list(event_names())))
}

/// The service `name`; the error names those that exist.
pub fn service(name: &str) -> anyhow::Result<&'static contracts::ServiceInfo> {
    contracts::services::named(name)
        .with_context(|| format!("there is no service `{name}`; there are: {}", list(service_names())))
}

fn event_names() -> impl Iterator<Item = &'static str> {
    choreography::event_types().into_iter().map(|event| event.name)
}

fn service_names() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().map(|service| service.name)
}

fn list(names: impl Iterator<Item = &'static str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
