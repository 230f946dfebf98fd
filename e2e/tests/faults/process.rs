//! A program of the fleet as a process that can be killed.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use tokio::process::{Child, Command};

/// A program, its settings, and the process if it runs.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    binary: PathBuf,
    settings: Vec<(String, String)>,
    logs: PathBuf,
    child: Option<Child>,
}

impl Process {
    pub fn new(name: &'static str, binary: PathBuf, settings: Vec<(String, String)>, logs: &Path) -> Self {
        Self { name, binary, settings, logs: logs.to_owned(), child: None }
    }

    /// Sets `name`, from the next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Starts it. Its output is added to `<name>.jsonl` and `<name>.err`.
    ///
    /// It dies with the thread that starts it, so that a test that is killed leaves nothing behind.
    pub fn start(&mut self) -> anyhow::Result<()> {
        ensure!(self.child.is_none(), "{} runs already", self.name);
        ensure!(self.binary.is_file(), "{} is not built: cargo build --workspace --bins", self.binary.display());
        let log = |ending: &str| {
            let path = self.logs.join(format!("{}.{ending}", self.name));
            OpenOptions::new().create(true).append(true).open(path)
        };
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(&self.binary).env_clear().envs(self.settings.clone());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(log("jsonl")?).stderr(log("err")?).kill_on_drop(true);
        self.child = Some(command.spawn().context("setpriv")?);
        Ok(())
    }

    /// SIGKILL, and waits for the end.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.take()?;
        ensure!(child.try_wait()?.is_none(), "{} had ended before it was killed", self.name);
        Ok(child.kill().await?)
    }

    /// SIGTERM; fails if it has not ended within `limit`.
    pub async fn terminate(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let mut child = self.take()?;
        let id = child.id().with_context(|| format!("{} had ended before it was told to", self.name))?;
        ensure!(Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status().await?.success(), "kill");
        let ended = tokio::time::timeout(limit, child.wait()).await;
        Ok(ended.with_context(|| format!("{} has not ended within {limit:?} of SIGTERM", self.name))??)
    }

    /// SIGKILL if it runs, without waiting.
    pub fn end(&mut self) {
        self.child = None;
    }

    /// Fails if it has ended.
    pub fn ensure_running(&mut self) -> anyhow::Result<()> {
        let child = self.child.as_mut().with_context(|| format!("{} was not started", self.name))?;
        match child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} has ended: {status}", self.name),
        }
    }

    fn take(&mut self) -> anyhow::Result<Child> {
        self.child.take().with_context(|| format!("{} does not run", self.name))
    }
}
