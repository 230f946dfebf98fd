//! A new service: a crate made of the template, its tables, its contract, and its place in every list.

use std::{fs, path::Path};

use anyhow::Context;
use clap::Args;
use toml_edit::{DocumentMut, InlineTable, value};

use super::{
    change_set::{ChangeSet, files_below},
    changelog,
    event::{declare, declare_reaction},
    fields::Field,
    names::Name,
    rust_file::RustFile,
    template::{self, Names},
    tree::{self, Tree},
};

/// Where the list of services is.
pub const SERVICES: &str = "shared/contracts/src/services.rs";
/// Where the modules of events are listed.
pub const EVENTS: &str = "shared/contracts/src/events.rs";
/// The programs that link every service.
pub const WIRING: &str = "cli/src/run/members.rs";
/// The suite that asks a running fleet.
pub const SUITE: &str = "e2e/tests/fleet.rs";
/// Where its cases are.
pub const CASES: &str = "e2e/tests/fleet";
const TEMPLATE: &str = "xtask/template";

/// Writes a service that compiles, passes its tests and takes part in the dance.
#[derive(Clone, Debug, Args)]
pub struct NewService {
    /// Its name: the program's, the crate's, the schema's, the queue's.
    name: String,
    /// The event that it reacts to.
    #[arg(long)]
    on: String,
    /// An event that it publishes when it has; in the past tense.
    #[arg(long)]
    publishes: Option<String>,
    /// The port of its public API; operations listen 1000 above. Else the first that is free.
    #[arg(long)]
    port: Option<u16>,
}

impl NewService {
    /// What it changes.
    pub fn changes(&self, tree: &Tree) -> anyhow::Result<ChangeSet> {
        let name = Name::parse(&self.name)?;
        tree.ensure_free(&name)?;
        let on = tree::event(&self.on)?;
        let publishes = self.publishes.as_deref().map(Name::parse).transpose()?;
        publishes.iter().try_for_each(|event| tree.ensure_free(event))?;
        let ports = tree.ports(self.port)?;
        let trigger = Name::parse(on.name)?;
        let names = Names { service: &name, on: &trigger, owner: on.owner, publishes: publishes.as_ref() };
        let mut changes = ChangeSet::new(&tree.root);
        add_crate(&mut changes, &tree.root, &names)?;
        add_contract(&mut changes, &tree.root, &names)?;
        list(&mut changes, &tree.root, &name, ports)?;
        declare_reaction(&mut changes, &tree.root, name.snake(), &trigger, "records the customer", publishes.as_ref())?;
        wire(&mut changes, &tree.root, &name)?;
        add_case(&mut changes, &tree.root, &names)?;
        let log = changelog::announce(&changes.read("CHANGELOG.md")?, name.snake(), on.name);
        changes.write("CHANGELOG.md", log);
        Ok(changes)
    }
}

/// The crate and its migration. The contract of the template becomes a part of the contracts.
fn add_crate(changes: &mut ChangeSet, root: &Path, names: &Names<'_>) -> anyhow::Result<()> {
    let (template, service) = (root.join(TEMPLATE).join("service"), names.service.snake());
    for file in files_below(&template).context("the template is not there")? {
        let relative = file.strip_prefix(&template)?.display().to_string();
        if relative != "src/contract.rs" {
            let text = template::instantiate(&fs::read_to_string(&file)?, names);
            changes.write(&format!("services/{service}/{relative}"), formatted(&relative, text, root)?);
        }
    }
    let sql = changes.read(&format!("{TEMPLATE}/migrations/00000000000100_records.sql"))?;
    changes.write(&format!("migrations/{service}/{}000100_records.sql", today()), sql);
    Ok(())
}

fn formatted(path: &str, text: String, root: &Path) -> anyhow::Result<String> {
    if Path::new(path).extension().is_some_and(|end| end == "rs") {
        RustFile::new(path, text).formatted(root)
    } else {
        Ok(text)
    }
}

#[expect(clippy::disallowed_methods, reason = "the name of a file that a person asks for now")]
fn today() -> String {
    jiff::Timestamp::now().strftime("%Y%m%d").to_string()
}

fn add_contract(changes: &mut ChangeSet, root: &Path, names: &Names<'_>) -> anyhow::Result<()> {
    let (Some(event), service) = (names.publishes, names.service.snake()) else { return Ok(()) };
    let contract = changes.read(&format!("{TEMPLATE}/service/src/contract.rs"))?;
    let path = format!("shared/contracts/src/events/{service}.rs");
    changes.write(&path, formatted(&path, template::instantiate(&contract, names), root)?);
    let mut events = RustFile::new(EVENTS, changes.read(EVENTS)?);
    events.add_item_after(|item| item.starts_with("pub mod "), "list of modules", &format!("pub mod {service};"))?;
    changes.write(EVENTS, events.formatted(root)?);
    let fields = [Field::recorded_at()?];
    declare(changes, root, event, service, &fields, &format!("{service} has recorded the customer"))
}

fn list(changes: &mut ChangeSet, root: &Path, name: &Name, (http, operations): (u16, u16)) -> anyhow::Result<()> {
    let (snake, shouting) = (name.snake(), name.shouting());
    let mut file = RustFile::new(SERVICES, changes.read(SERVICES)?);
    let constant = format!(
        "/// Records customers.\npub const {shouting}: ServiceInfo = ServiceInfo {{ name: \"{snake}\", http_port: {http}, \
         operations_port: {operations}, role: Role::Participant }};"
    );
    file.add_item_after(|item| item.contains(": ServiceInfo ="), "constant of a service", &constant)?;
    file.push_to_array("SERVICES", &shouting)?;
    changes.write(SERVICES, file.formatted(root)?);
    Ok(())
}

/// What links every service: the workspace's dependencies and `fleet run`.
fn wire(changes: &mut ChangeSet, root: &Path, name: &Name) -> anyhow::Result<()> {
    let snake = name.snake();
    let mut workspace: DocumentMut = changes.read("Cargo.toml")?.parse()?;
    let mut path = InlineTable::new();
    path.insert("path", format!("services/{snake}").into());
    workspace["workspace"]["dependencies"][snake] = value(path);
    changes.write("Cargo.toml", workspace.to_string());
    let mut cli: DocumentMut = changes.read("cli/Cargo.toml")?.parse()?;
    cli["dependencies"][snake]["workspace"] = value(true);
    if let Some(table) = cli["dependencies"][snake].as_inline_table_mut() {
        table.set_dotted(true);
    }
    changes.write("cli/Cargo.toml", cli.to_string());
    let mut members = RustFile::new(WIRING, changes.read(WIRING)?);
    members.push_to_array("MEMBERS", &format!("Member::plain({snake}::SERVICE, {snake}::service)"))?;
    changes.write(WIRING, members.formatted(root)?);
    Ok(())
}

/// A case of the end-to-end suite, if a registration comes by the event.
fn add_case(changes: &mut ChangeSet, root: &Path, names: &Names<'_>) -> anyhow::Result<()> {
    let Some(domain) = domain_of(names.on.snake()) else { return Ok(()) };
    let (service, case) = (names.service.snake(), changes.read(&format!("{TEMPLATE}/e2e/template_service.rs"))?);
    let path = format!("{CASES}/{service}.rs");
    let case = template::instantiate(&case, names).replace("example.com", domain);
    changes.write(&path, formatted(&path, case, root)?);
    let mut suite = RustFile::new(SUITE, changes.read(SUITE)?);
    suite.push_submodule("fleet", service)?;
    changes.write(SUITE, suite.formatted(root)?);
    Ok(())
}

/// Whose registration comes by the event: everybody's, or that of an address that the mail server refuses.
fn domain_of(event: &str) -> Option<&'static str> {
    match event {
        "customer_created" | "welcome_email_sent" | "status_points_added" | "customer_onboarded" => Some("example.com"),
        "welcome_email_failed" | "customer_deactivated" | "status_points_revoked" => Some("refused.test"),
        _ => None,
    }
}
