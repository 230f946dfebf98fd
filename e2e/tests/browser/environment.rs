//! Where the fleet is, and what an operator may do there.

use std::{env, fs, path::PathBuf};

use anyhow::{Context, ensure};
use e2e::{api::Api, database::Database};

fn variable(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("{name} is not set: run these tests by scripts/e2e --browser"))
}

/// The address of a page: `path` begins with a slash.
pub fn page(path: &str) -> anyhow::Result<String> {
    Ok(format!("{}{path}", variable("FLOW_VIEW_URL")?))
}

/// The services' APIs.
pub fn api() -> anyhow::Result<Api> {
    Api::of_settings(variable)
}

/// The fleet's database.
pub fn database() -> anyhow::Result<Database> {
    Database::new(&variable("POSTGRES_ADMIN_URL")?)
}

/// What opens the parked messages.
pub fn token() -> anyhow::Result<String> {
    variable("ADMIN_TOKEN")
}

/// Where pictures of the pages go, if they are wanted.
pub fn pictures() -> Option<PathBuf> {
    env::var_os("PICTURES_DIR").map(PathBuf::from)
}

/// SIGKILL. The fleet's supervisor starts the service again.
pub fn kill(service: &str) -> anyhow::Result<()> {
    let file = PathBuf::from(variable("LOGS_DIR")?).with_file_name("run").join(format!("{service}.pid"));
    let recorded = fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
    let pid = recorded.lines().next().context("no id is recorded")?;
    // Ids are used again.
    let name = fs::read_to_string(format!("/proc/{pid}/comm"))?;
    ensure!(name.trim() == service, "process {pid} is {name}, not {service}");
    let status = std::process::Command::new("kill").args(["-KILL", pid]).status()?;
    ensure!(status.success(), "kill ended with {status}");
    Ok(())
}
