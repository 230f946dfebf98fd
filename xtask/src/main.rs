//! `cargo xtask`: see `--help`.

use std::{
    path::Path,
    process::{Command as Process, ExitCode},
};

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand};
use client::output;
use xtask::scaffold::{ChangeSet, NewEvent, NewHandler, NewService, Retire, Tree, UnknownShape};

/// Changes the tree: new services, events and handlers, and the files that are derived from the declarations.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a service, an event or a handler.
    New {
        #[command(subcommand)]
        what: What,
    },
    /// Write every file that is derived from the declarations in shared/contracts.
    Generate {
        /// Write nothing, and fail if anything is not as declared.
        #[arg(long)]
        check: bool,
    },
    /// Take a service out again.
    Retire {
        #[command(subcommand)]
        what: Retired,
    },
}

#[derive(Subcommand)]
enum What {
    Service(Change<NewService>),
    Event(Change<NewEvent>),
    Handler(Change<NewHandler>),
}

#[derive(Subcommand)]
enum Retired {
    Service(Change<Retire>),
}

#[derive(Args)]
struct Change<T: Args> {
    #[command(flatten)]
    what: T,
    /// Only say which files would change.
    #[arg(long)]
    dry_run: bool,
    /// Also in a tree with uncommitted changes.
    #[arg(long)]
    force: bool,
}

impl<T: Args> Change<T> {
    fn make(&self, changes: impl FnOnce(&T, &Tree) -> anyhow::Result<ChangeSet>) -> anyhow::Result<()> {
        let root = root()?;
        let tree = Tree::open(root, self.force || self.dry_run)?;
        let changes = changes(&self.what, &tree)?;
        output::print(&changes.to_string())?;
        if self.dry_run {
            output::print("nothing was changed (--dry-run)")?;
            return Ok(());
        }
        changes.apply(|| generate(root))
    }
}

/// The project's folder.
fn root() -> anyhow::Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the project's folder")
}

/// By a process of its own: this one was built with the declarations of before.
fn generate(root: &Path) -> anyhow::Result<()> {
    let status =
        Process::new("cargo").args(["run", "--quiet", "-p", "xtask", "--", "generate"]).current_dir(root).status();
    ensure!(status.context("cannot start cargo")?.success(), "the derived files cannot be generated");
    Ok(())
}

fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::New { what: What::Service(change) } => change.make(NewService::changes),
        Command::New { what: What::Event(change) } => change.make(NewEvent::changes),
        Command::New { what: What::Handler(change) } => change.make(NewHandler::changes),
        Command::Generate { check } => xtask::generate::run(root()?, *check),
        Command::Retire { what: Retired::Service(change) } => change.make(Retire::changes),
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::tell(format_args!("error: {error:#}"));
            ExitCode::from(if error.is::<UnknownShape>() { 2 } else { 1 })
        }
    }
}
