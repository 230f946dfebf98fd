//! The way back: takes a service out of the tree, and out of every list.

use std::path::Path;

use anyhow::ensure;
use clap::Args;
use contracts::choreography::{self, REACTIONS};
use toml_edit::DocumentMut;

use super::{
    change_set::ChangeSet,
    changelog,
    event::{CHOREOGRAPHY, DANCE, WIRE, WIRE_TEST, constant_of},
    names::Name,
    rust_file::RustFile,
    service::{CASES, EVENTS, SERVICES, SUITE, WIRING},
    tree::{self, Tree},
};

/// Takes a service out of the tree. What it has on a running broker goes by `fleet retire`.
#[derive(Clone, Debug, Args)]
pub struct Retire {
    /// The service.
    name: String,
}

impl Retire {
    /// What it changes.
    pub fn changes(&self, tree: &Tree) -> anyhow::Result<ChangeSet> {
        let service = tree::service(&self.name)?.name;
        ensure_nobody_reacts(service)?;
        let (root, name) = (&tree.root, Name::parse(service)?);
        let mut changes = ChangeSet::new(root);
        changes.remove_folder(&format!("services/{service}"))?;
        changes.remove_folder(&format!("migrations/{service}"))?;
        forget_events(&mut changes, root, service)?;
        unlist(&mut changes, root, &name)?;
        unwire(&mut changes, root, service)?;
        forget_case(&mut changes, root, service)?;
        let on = choreography::subscriptions(service);
        let log = changes.read("CHANGELOG.md")?;
        let log = on.iter().fold(log, |log, event| changelog::withdraw(&log, service, event.name));
        changes.write("CHANGELOG.md", log);
        Ok(changes)
    }
}

/// Its events may go only if nobody else needs them.
fn ensure_nobody_reacts(service: &str) -> anyhow::Result<()> {
    let needs = |reaction: &&choreography::Reaction| {
        reaction.service != service && reaction.to.iter().any(|event| event.owner == service)
    };
    let others: Vec<_> =
        REACTIONS.iter().filter(needs).map(|reaction| format!("{} {}", reaction.service, reaction.what)).collect();
    ensure!(
        others.is_empty(),
        "others react to the events of {service}: {}. Take those reactions out first",
        others.join("; ")
    );
    Ok(())
}

fn forget_events(changes: &mut ChangeSet, root: &Path, service: &str) -> anyhow::Result<()> {
    let mut file = RustFile::new(CHOREOGRAPHY, changes.read(CHOREOGRAPHY)?);
    let mut wire = RustFile::new(WIRE, changes.read(WIRE)?);
    for event in choreography::publications(service) {
        let constant = constant_of(&file, &Name::parse(event.name)?)?;
        file.remove_from_array("EVENTS", |fact| fact.contains(&format!("event: {constant},")))?;
        file.remove_items(|item| item.starts_with(&format!("const {constant}:")))?;
        wire.remove_statements(WIRE_TEST, |statement| statement.contains(&format!("\"{}.", event.name)))?;
        changes.remove(&format!("shared/contracts/samples/{}.1.json", event.name));
    }
    let mut dance = RustFile::new(DANCE, changes.read(DANCE)?);
    for array in ["EVENTS", "REACTIONS"] {
        dance.remove_from_array(array, |entry| entry.contains(&format!(", \"{service}\"")))?;
    }
    changes.write(DANCE, dance.formatted(root)?);
    file.remove_from_array("REACTIONS", |reaction| reaction.contains(&format!("service: \"{service}\"")))?;
    changes.write(CHOREOGRAPHY, file.formatted(root)?);
    changes.write(WIRE, wire.formatted(root)?);
    let contract = format!("shared/contracts/src/events/{service}.rs");
    if root.join(&contract).exists() {
        changes.remove(&contract);
        let mut events = RustFile::new(EVENTS, changes.read(EVENTS)?);
        events.remove_items(|item| item == format!("pub mod {service};"))?;
        changes.write(EVENTS, events.formatted(root)?);
    }
    Ok(())
}

fn unlist(changes: &mut ChangeSet, root: &Path, name: &Name) -> anyhow::Result<()> {
    let shouting = name.shouting();
    let mut file = RustFile::new(SERVICES, changes.read(SERVICES)?);
    file.remove_from_array("SERVICES", |element| element == shouting)?;
    file.remove_items(|item| item.contains(&format!("pub const {shouting}: ServiceInfo")))?;
    changes.write(SERVICES, file.formatted(root)?);
    Ok(())
}

fn unwire(changes: &mut ChangeSet, root: &Path, service: &str) -> anyhow::Result<()> {
    for (path, section) in
        [("Cargo.toml", &["workspace", "dependencies"][..]), ("cli/Cargo.toml", &["dependencies"][..])]
    {
        let mut manifest: DocumentMut = changes.read(path)?.parse()?;
        let table = section.iter().fold(manifest.as_item_mut(), |item, name| &mut item[name]);
        if let Some(table) = table.as_table_like_mut() {
            table.remove(service);
        }
        changes.write(path, manifest.to_string());
    }
    let mut members = RustFile::new(WIRING, changes.read(WIRING)?);
    members.remove_from_array("MEMBERS", |member| member.contains(&format!("{service}::SERVICE")))?;
    changes.write(WIRING, members.formatted(root)?);
    Ok(())
}

fn forget_case(changes: &mut ChangeSet, root: &Path, service: &str) -> anyhow::Result<()> {
    let case = format!("{CASES}/{service}.rs");
    if root.join(&case).exists() {
        changes.remove(&case);
        let mut suite = RustFile::new(SUITE, changes.read(SUITE)?);
        suite.remove_submodule("fleet", service)?;
        changes.write(SUITE, suite.formatted(root)?);
    }
    Ok(())
}
