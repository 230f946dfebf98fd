//! A new handler in a service that is there.

use anyhow::ensure;
use clap::Args;

use super::{
    change_set::ChangeSet,
    event::declare_reaction,
    names::Name,
    rust_file::RustFile,
    tree::{self, Tree},
};

/// Has a service react to one more event.
#[derive(Clone, Debug, Args)]
pub struct NewHandler {
    /// The service.
    service: String,
    /// The event.
    #[arg(long)]
    on: String,
}

impl NewHandler {
    /// What it changes.
    pub fn changes(&self, tree: &Tree) -> anyhow::Result<ChangeSet> {
        let (service, event) = (tree::service(&self.service)?, tree::event(&self.on)?);
        let reacts = contracts::choreography::subscriptions(service.name).contains(&event);
        ensure!(!reacts, "{} reacts to {} already", service.name, event.name);
        let (root, on) = (&tree.root, Name::parse(event.name)?);
        let mut changes = ChangeSet::new(root);
        let (module, path) = (format!("on_{}", on.snake()), format!("services/{}/src/lib.rs", service.name));
        let mut lib = RustFile::new(&path, changes.read(&path)?);
        lib.push_call(
            "handlers",
            &format!(".on::<contracts::events::{}::{}>({module}::React)", event.owner, on.camel()),
        )?;
        lib.add_item_after(
            |item| item.contains("mod ") && item.ends_with(';'),
            "list of modules",
            &format!("pub mod {module};"),
        )?;
        changes.write(&path, lib.formatted(root)?);
        let source = super::rust_file::format(&source(&on, event.owner), root)?;
        changes.write(&format!("services/{}/src/{module}.rs", service.name), source);
        declare_reaction(&mut changes, root, service.name, &on, &format!("takes note of {}", on.snake()), None)?;
        Ok(changes)
    }
}

fn source(on: &Name, owner: &str) -> String {
    let (snake, camel) = (on.snake(), on.camel());
    format!(
        "//! What `{snake}` means here.

use contracts::events::{owner}::{camel};
use messaging::{{failure::HandlerError, handler::Handler, unit_of_work::UnitOfWork}};

/// Takes note of it. All work goes through `tx`: SQL by `tx.sql()`, events by `tx.publish(…)`; what talks to the outside
/// is a row and a sender.
pub struct React;

impl Handler<{camel}> for React {{
    async fn handle(&self, tx: &mut UnitOfWork, event: &{camel}) -> Result<(), HandlerError> {{
        let _ = (tx, event);
        Ok(())
    }}
}}
"
    )
}
