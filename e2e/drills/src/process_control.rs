//! How processes are ended and started: by a fleet's recorded ids and its scripts, or by Docker.

use std::{ffi::OsStr, fs, path::PathBuf, process::Stdio, sync::Arc};

use anyhow::{Context, ensure};
use e2e::processes::Processes;
use tokio::{
    process::{Child, Command},
    sync::Mutex,
};

use super::containers::{self, Containers};

/// Whoever can reach the processes of a fleet.
#[derive(Clone, Debug)]
pub enum ProcessControl {
    /// A fleet of `scripts/up`, in this folder; its supervisor starts again whatever ends.
    Native { processes: Processes, folder: PathBuf, scripts: PathBuf, second: Arc<Mutex<Option<Child>>> },
    /// The composition of `docker-compose.yml`.
    Compose(Containers),
}

impl ProcessControl {
    /// For the fleet in `folder`, whose scripts are in `scripts`.
    pub fn native(folder: PathBuf, scripts: PathBuf) -> Self {
        Self::Native { processes: Processes::new(folder.join("run")), folder, scripts, second: Arc::default() }
    }

    /// SIGKILL, and it comes back.
    pub async fn kill(&self, service: &str) -> anyhow::Result<()> {
        match self {
            Self::Native { processes, .. } => processes.end(service, "KILL").await.map(drop),
            Self::Compose(containers) => {
                containers.tell(service, "kill").await?;
                containers.tell(service, "start").await
            }
        }
    }

    /// SIGKILL, and it stays down until [`ProcessControl::release`].
    pub async fn hold(&self, service: &str) -> anyhow::Result<()> {
        match self {
            Self::Native { processes, .. } => processes.hold(service, "KILL").await,
            Self::Compose(containers) => containers.tell(service, "kill").await,
        }
    }

    /// It may come back.
    pub async fn release(&self, service: &str) -> anyhow::Result<()> {
        match self {
            Self::Native { processes, .. } => processes.release(service),
            Self::Compose(containers) => containers.tell(service, "start").await,
        }
    }

    /// Other settings (`NAME=value`) from the next start on, or none any more.
    pub async fn change_settings(&self, service: &str, settings: Option<&str>) -> anyhow::Result<()> {
        let processes = match self {
            Self::Native { processes, .. } => processes,
            Self::Compose(containers) => return containers.change_settings(service, settings).await,
        };
        let file = format!("{service}.override");
        match settings {
            Some(settings) => Ok(fs::write(processes.file(&file), format!("{settings}\n"))?),
            None => processes.forget(&file),
        }
    }

    /// SIGTERM, and it comes back.
    pub async fn restart(&self, service: &str) -> anyhow::Result<()> {
        match self {
            Self::Native { processes, .. } if processes.find(service).is_none() => Ok(()),
            Self::Native { processes, .. } => processes.end(service, "TERM").await.map(drop),
            Self::Compose(containers) => containers.tell(service, "restart").await,
        }
    }

    /// A second replica of `service` starts, with the program and the settings of the first, on ports of its own.
    pub async fn double(&self, service: &str) -> anyhow::Result<()> {
        match self {
            Self::Native { processes, second, .. } => {
                let first = processes.find(service).with_context(|| format!("{service} does not run"))?;
                let mut like = first.like()?;
                let started = like.env("HTTP_ADDR", "127.0.0.1:0").env("OPS_ADDR", "127.0.0.1:0").spawn()?;
                *second.lock().await = Some(started);
                Ok(())
            }
            Self::Compose(containers) => containers.double(service).await,
        }
    }

    /// SIGKILL for the second replica.
    pub async fn end_double(&self, service: &str) -> anyhow::Result<()> {
        match self {
            Self::Native { second, .. } => match second.lock().await.take() {
                Some(mut second) => Ok(second.kill().await?),
                None => Ok(()),
            },
            Self::Compose(containers) => containers.end_double(service).await,
        }
    }

    /// Waits until `service` has been started again.
    pub async fn until_runs(&self, service: &str) -> anyhow::Result<()> {
        match self {
            Self::Native { processes, .. } => processes.until_runs(service).await,
            Self::Compose(_) => Ok(()),
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
            Self::Compose(containers) => containers.tell(server, verb).await,
        }
    }

    /// Removes what the broker, which is stopped, had on disk.
    pub fn wipe_broker(&self) -> anyhow::Result<()> {
        let Self::Native { processes, folder, .. } = self else { return containers::wipe_broker() };
        ensure!(processes.find("rabbitmq").is_none(), "the broker runs");
        let data = folder.join("rabbitmq/data");
        fs::remove_dir_all(&data).with_context(|| format!("can't remove {}", data.display()))
    }
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
