//! A new event: its struct, its declaration, its sample.

use std::path::Path;

use anyhow::ensure;
use clap::Args;

use super::{
    change_set::ChangeSet,
    fields::{Field, event_struct, sample},
    names::Name,
    rust_file::RustFile,
    tree::{self, Tree},
};

/// The choreography, where events and reactions are declared.
pub const CHOREOGRAPHY: &str = "shared/contracts/src/choreography.rs";
/// The test that says the dance once more.
pub const DANCE: &str = "shared/contracts/tests/dance.rs";
/// Where every sample is read and written once.
pub const WIRE: &str = "shared/contracts/tests/wire.rs";
/// The function there.
pub const WIRE_TEST: &str = "every_version_of_every_event_is_read_and_written_as_its_sample";

/// Adds an event to the contracts of a service.
#[derive(Clone, Debug, Args)]
pub struct NewEvent {
    /// Its name, in the past tense, as in `invoice_paid`.
    name: String,
    /// The service that publishes it.
    #[arg(long)]
    owner: String,
    /// A field besides `customer_id`: NAME:TYPE, where TYPE is text, personal, integer, boolean, uuid or timestamp.
    #[arg(long = "field", value_name = "NAME:TYPE")]
    fields: Vec<Field>,
}

impl NewEvent {
    /// What it changes.
    pub fn changes(&self, tree: &Tree) -> anyhow::Result<ChangeSet> {
        let name = Name::parse(&self.name)?;
        tree.ensure_free(&name)?;
        let owner = tree::service(&self.owner)?;
        ensure!(owner.role == contracts::Role::Participant, "`{}` is an observer: it publishes nothing", owner.name);
        let mut changes = ChangeSet::new(&tree.root);
        let fields = if self.fields.is_empty() { vec![Field::recorded_at()?] } else { self.fields.clone() };
        add_struct(&mut changes, &tree.root, &name, owner.name, &fields)?;
        declare(&mut changes, &tree.root, &name, owner.name, &fields, &format!("{} decides so", owner.name))?;
        Ok(changes)
    }
}

fn contract(owner: &str) -> String {
    format!("shared/contracts/src/events/{owner}.rs")
}

fn add_struct(changes: &mut ChangeSet, root: &Path, name: &Name, owner: &str, fields: &[Field]) -> anyhow::Result<()> {
    let path = contract(owner);
    ensure!(root.join(&path).exists(), "{owner} publishes nothing yet: begin {path} by hand, like its neighbours");
    let mut file = RustFile::new(&path, changes.read(&path)?);
    file.push_to_array("ALL", &format!("EventType::of::<{}>()", name.camel()))?;
    file.add_item_after(|item| item.starts_with("event_type!"), "event_type!(…)", &event_struct(name, fields))?;
    changes.write(&path, file.formatted(root)?);
    Ok(())
}

/// Declares the event in the choreography, and adds its sample.
pub fn declare(
    changes: &mut ChangeSet,
    root: &Path,
    name: &Name,
    owner: &str,
    fields: &[Field],
    when: &str,
) -> anyhow::Result<()> {
    let (shouting, path) = (name.shouting(), format!("crate::events::{owner}::{}", name.camel()));
    let mut file = RustFile::new(CHOREOGRAPHY, changes.read(CHOREOGRAPHY)?);
    let constant = format!("const {shouting}: EventType = EventType::of::<{path}>();");
    file.add_item_after(|item| item.contains("EventType = EventType::of::<"), "constant of an event type", &constant)?;
    file.push_to_array("EVENTS", &format!("EventDeclaration {{ event: {shouting}, when: \"{when}\" }},"))?;
    changes.write(CHOREOGRAPHY, file.formatted(root)?);

    let mut dance = RustFile::new(DANCE, changes.read(DANCE)?);
    dance.push_to_array("EVENTS", &format!("(\"{}\", \"{owner}\"),", name.snake()))?;
    changes.write(DANCE, dance.formatted(root)?);

    let file_name = format!("{}.1.json", name.snake());
    changes.write(&format!("shared/contracts/samples/{file_name}"), sample(name, owner, fields));
    let mut wire = RustFile::new(WIRE, changes.read(WIRE)?);
    wire.push_statement(
        WIRE_TEST,
        &format!("holds::<contracts::events::{owner}::{}>(\"{file_name}\");", name.camel()),
    )?;
    changes.write(WIRE, wire.formatted(root)?);
    Ok(())
}

/// Declares that `service` reacts to `on`.
pub fn declare_reaction(
    changes: &mut ChangeSet,
    root: &Path,
    service: &str,
    on: &Name,
    what: &str,
    publishes: Option<&Name>,
) -> anyhow::Result<()> {
    let mut file = RustFile::new(CHOREOGRAPHY, changes.read(CHOREOGRAPHY)?);
    let to = constant_of(&file, on)?;
    let answers = publishes.map(|event| format!("\"{}\"", event.snake())).unwrap_or_default();
    let mut dance = RustFile::new(DANCE, changes.read(DANCE)?);
    dance.push_to_array("REACTIONS", &format!("(\"{}\", \"{service}\", &[{answers}]),", on.snake()))?;
    changes.write(DANCE, dance.formatted(root)?);
    let publishes = publishes.map(|event| format!("publishes: &[{}], ", event.shouting())).unwrap_or_default();
    let reaction = format!("Reaction {{ service: \"{service}\", to: &[{to}], what: \"{what}\", {publishes}..PLAIN }},");
    file.push_to_array("REACTIONS", &reaction)?;
    changes.write(CHOREOGRAPHY, file.formatted(root)?);
    Ok(())
}

/// The constant that stands for an event.
pub fn constant_of(file: &RustFile, event: &Name) -> anyhow::Result<String> {
    let camel = event.camel();
    let is_it =
        |item: &str| [format!("<{camel}>"), format!("::{camel}>")].iter().any(|end| item.contains(end.as_str()));
    let found = file.constants(|item| item.contains("EventType = EventType::of::<") && is_it(item))?;
    found.into_iter().next().ok_or_else(|| anyhow::anyhow!("{CHOREOGRAPHY} has no constant for {}", event.snake()))
}
