//! How processes are ended and started: by a fleet's recorded ids and its scripts, or by Docker Compose.

use std::{ffi::OsStr, fs, path::PathBuf, process::Stdio};

use anyhow::{Context, bail, ensure};
use e2e::processes::Processes;
use tokio::process::Command;

/// Whoever can reach the processes of a fleet.
#[derive(Clone, Debug)]
pub enum Hands {
    /// A fleet of `scripts/up`, in this folder; its supervisor starts again whatever ends.
    Native { processes: Processes, folder: PathBuf, scripts: PathBuf },
    /// The composition of `docker-compose.yml`. What was killed by hand stays dead until it is started.
    Compose,
}

impl Hands {
    /// For the fleet in `folder`, whose scripts are in `scripts`.
    pub fn native(folder: PathBuf, scripts: PathBuf) -> Self {
        Self::Native { processes: Processes::new(folder.join("run")), folder, scripts }
    }

    /// The recorded processes; a composition has none.
    pub fn processes(&self) -> anyhow::Result<&Processes> {
        match self {
            Self::Native { processes, .. } => Ok(processes),
            Self::Compose => bail!("not with Docker Compose"),
        }
    }

    /// SIGKILL, and it comes back.
    pub async fn kill(&self, service: &str) -> anyhow::Result<()> {
        match self {
            Self::Native { processes, .. } => processes.end(service, "KILL").await.map(drop),
            Self::Compose => {
                compose("kill", service).await?;
                compose("start", service).await
            }
        }
    }

    /// SIGKILL, and it stays down until [`Hands::release`].
    pub async fn hold(&self, service: &str) -> anyhow::Result<()> {
        match self {
            Self::Native { processes, .. } => processes.hold(service, "KILL").await,
            Self::Compose => compose("kill", service).await,
        }
    }

    /// It may come back.
    pub async fn release(&self, service: &str) -> anyhow::Result<()> {
        match self {
            Self::Native { processes, .. } => processes.release(service),
            Self::Compose => compose("start", service).await,
        }
    }

    /// Other settings (`NAME=value`) from the next start on, or none any more.
    pub fn change_settings(&self, service: &str, settings: Option<&str>) -> anyhow::Result<()> {
        let (processes, file) = (self.processes()?, format!("{service}.override"));
        match settings {
            Some(settings) => Ok(fs::write(processes.file(&file), format!("{settings}\n"))?),
            None => processes.forget(&file),
        }
    }

    /// SIGTERM, and it comes back.
    pub async fn restart(&self, service: &str) -> anyhow::Result<()> {
        let processes = self.processes()?;
        match processes.find(service) {
            Some(_) => processes.end(service, "TERM").await.map(drop),
            None => Ok(()),
        }
    }

    /// Waits until `service` has been started again.
    pub async fn until_runs(&self, service: &str) -> anyhow::Result<()> {
        match self {
            Self::Native { processes, .. } => processes.until_runs(service).await,
            Self::Compose => Ok(()),
        }
    }

    /// `start`, `stop` or `kill` for `postgres` or `rabbitmq`.
    pub async fn server(&self, verb: &str, server: &str) -> anyhow::Result<()> {
        match self {
            Self::Native { folder, scripts, .. } => {
                let mut command = Command::new(scripts.join("servers"));
                command.args([verb, server]).env("FLEET_DIR", folder).env_remove("PORT_OFFSET");
                run(command).await
            }
            Self::Compose => compose(verb, server).await,
        }
    }

    /// Removes what the broker, which is stopped, had on disk.
    pub fn wipe_broker(&self) -> anyhow::Result<()> {
        let Self::Native { processes, folder, .. } = self else { bail!("not with Docker Compose") };
        ensure!(processes.find("rabbitmq").is_none(), "the broker runs");
        let data = folder.join("rabbitmq/data");
        fs::remove_dir_all(&data).with_context(|| format!("can't remove {}", data.display()))
    }
}

/// `COMPOSE_FILE`, if it is set, says which composition.
async fn compose(verb: &str, service: &str) -> anyhow::Result<()> {
    let mut command = Command::new("docker");
    command.args(["compose", verb, service]);
    run(command).await
}

/// In a process group of its own: Ctrl-C is for us, and must not leave a server half stopped.
async fn run(mut command: Command) -> anyhow::Result<()> {
    let output = command.process_group(0).stdin(Stdio::null()).output().await;
    let name: Vec<_> = command.as_std().get_args().map(OsStr::to_string_lossy).collect();
    let program = command.as_std().get_program().to_string_lossy();
    let output = output.with_context(|| format!("can't run {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {} failed: {said}", name.join(" "));
    Ok(())
}
