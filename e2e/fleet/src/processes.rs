//! The recorded processes of a fleet that `scripts/up` has started: found by id and start time, and signalled.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::{process::Command, time::sleep};

/// How long a process may take to end after SIGTERM, and the supervisor to start it again.
const PATIENCE: Duration = Duration::from_secs(45);

/// The fleet's folder `run`.
#[derive(Clone, Debug)]
pub struct Processes {
    run: PathBuf,
}

/// A process, and when it began: ids are used again, the pair is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub id: u32,
    began: String,
}

impl Processes {
    /// Those recorded in this folder.
    pub fn new(run: PathBuf) -> Self {
        Self { run }
    }

    /// A file beside the records.
    pub fn file(&self, name: &str) -> PathBuf {
        self.run.join(name)
    }

    /// The process of `name`; `None` if it does not run.
    pub fn find(&self, name: &str) -> Option<Process> {
        let record = fs::read_to_string(self.file(&format!("{name}.pid"))).ok()?;
        let (id, began) = record.trim().split_once('\n')?;
        let process = Process { id: id.parse().ok()?, began: began.to_owned() };
        process.runs().then_some(process)
    }

    /// Sends `signal` to the process of `name`, and keeps it down until [`Processes::release`].
    pub async fn hold(&self, name: &str, signal: &str) -> anyhow::Result<()> {
        fs::write(self.file(&hold_file(name)), "")?;
        self.end(name, signal).await.map(drop)
    }

    /// The supervisor may start it again.
    pub fn release(&self, name: &str) -> anyhow::Result<()> {
        self.forget(&hold_file(name))
    }

    /// Removes a file beside the records, if it is there.
    pub fn forget(&self, file: &str) -> anyhow::Result<()> {
        match fs::remove_file(self.file(file)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Sends `signal` to the process of `name`, waits for its end, and gives what it was.
    pub async fn end(&self, name: &str, signal: &str) -> anyhow::Result<Process> {
        let process = self.find(name).with_context(|| format!("{name} does not run"))?;
        process.signal(signal).await?;
        let ended = async {
            while process.runs() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.with_context(|| format!("{name} has not ended"))?;
        Ok(process)
    }

    /// Waits until the supervisor has started `name` again.
    pub async fn until_runs(&self, name: &str) -> anyhow::Result<()> {
        let begun = async {
            while self.find(name).is_none() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, begun).await.with_context(|| format!("nobody has started {name} again"))
    }
}

impl Process {
    /// Whether it is still the same.
    pub fn runs(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id)).unwrap_or_default();
        // After the program's name, which may hold anything: the state, and 19 fields on the start in clock ticks (proc(5)).
        let fields: Vec<_> = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ').collect();
        let is_alive = fields.first().is_some_and(|state| !["Z", "X"].contains(state));
        is_alive && fields.get(19).is_some_and(|began| *began == self.began)
    }

    /// Its program and its environment, to start another like it.
    pub fn like(&self) -> anyhow::Result<Command> {
        let folder = PathBuf::from(format!("/proc/{}", self.id));
        let mut command = Command::new(fs::read_link(folder.join("exe"))?);
        command.env_clear().envs(environment(&folder)?).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command)
    }

    /// By the shell's own kill: no crate for one call.
    async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let script = r#"kill "-$0" "$1""#;
        let status = Command::new("sh").args(["-c", script, signal, &self.id.to_string()]).status().await?;
        ensure!(status.success(), "process {} could not be sent SIG{signal}", self.id);
        Ok(())
    }
}

/// While it is there, the supervisor leaves the service alone.
fn hold_file(name: &str) -> String {
    format!("{name}.hold")
}

fn environment(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let text = fs::read(folder.join("environ"))?;
    let text = String::from_utf8_lossy(&text);
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_the_same_only_with_its_start_time() {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let began = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().to_owned();
        let ours = Process { id: std::process::id(), began };
        assert!(ours.runs());
        assert!(!Process { began: "1".into(), ..ours.clone() }.runs());
        let path = std::env::var("PATH").unwrap();
        assert!(environment(Path::new("/proc/self")).unwrap().contains(&("PATH".into(), path)));
    }
}
