//! The Postgres and the RabbitMQ of this suite, which tests may stop and kill.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, ensure};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// One turn for many tests that leave the servers alone, or for one that does not.
static TURN: LazyLock<Arc<RwLock<()>>> = LazyLock::new(Arc::default);

static SERVERS: LazyLock<Servers> = LazyLock::new(Servers::choose);

/// The right to use the servers.
#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
pub enum Turn {
    Shared(OwnedRwLockReadGuard<()>),
    Alone(OwnedRwLockWriteGuard<()>),
}

impl Turn {
    pub async fn take(alone: bool) -> Self {
        if alone {
            Self::Alone(TURN.clone().write_owned().await)
        } else {
            Self::Shared(TURN.clone().read_owned().await)
        }
    }
}

/// Where the servers live: in the folder that `scripts/test` names, or in one of our own.
#[derive(Debug)]
pub struct Servers {
    folder: PathBuf,
    ports: Vec<(&'static str, String)>,
}

impl Servers {
    /// The servers, running.
    pub async fn running() -> anyhow::Result<&'static Self> {
        let servers = &*SERVERS;
        servers.run(&["start", "all"]).await?;
        Ok(servers)
    }

    fn choose() -> Self {
        if let Some(folder) = std::env::var_os("E2E_FLEET_DIR") {
            return Self { folder: folder.into(), ports: Vec::new() };
        }
        let folder = std::env::temp_dir().join(format!("pasdetrois-faults-{}", std::process::id()));
        let first = free_ports(20);
        // RabbitMQ takes fourteen for itself.
        let ports = [
            ("POSTGRES_PORT", first),
            ("RABBITMQ_PORT", first + 1),
            ("RABBITMQ_MANAGEMENT_PORT", first + 15),
            ("RABBITMQ_PROMETHEUS_PORT", first + 16),
        ];
        let ports = ports.map(|(name, port)| (name, port.to_string())).into();
        remove_when_we_are_gone(&folder);
        Self { folder, ports }
    }

    /// A database and a vhost called `name`, and every URL of theirs as `NAME=value` pairs.
    pub async fn make(&self, name: &str) -> anyhow::Result<Vec<(String, String)>> {
        self.run(&["database", name]).await?;
        self.run(&["vhost", name]).await?;
        let urls = self.run(&["env", name, name]).await?;
        Ok(urls.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
    }

    /// Takes both away again; they only cost memory, so a failure does not matter.
    pub fn drop_both(&self, name: &str) {
        for verb in ["drop-vhost", "drop-database"] {
            let _ = self.command(&[verb, name]).output();
        }
    }

    /// Stops a server (`postgres`, `rabbitmq` or `all`) as an administrator would.
    pub async fn stop(&self, server: &str) -> anyhow::Result<()> {
        self.run(&["stop", server]).await.map(drop)
    }

    /// SIGKILL.
    pub async fn kill(&self, server: &str) -> anyhow::Result<()> {
        self.run(&["kill", server]).await.map(drop)
    }

    /// Starts what does not run, and waits until it answers.
    pub async fn start(&self, server: &str) -> anyhow::Result<()> {
        self.run(&["start", server]).await.map(drop)
    }

    /// A memory alarm in RabbitMQ: it takes nothing from publishers.
    pub async fn alarm(&self, on: bool) -> anyhow::Result<()> {
        self.run(&["alarm", if on { "on" } else { "off" }]).await.map(drop)
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = tokio::process::Command::from(self.command(arguments)).output().await?;
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "scripts/servers {arguments:?} failed:\n{stderr}");
        Ok(stdout.into_owned())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(script("servers"));
        command.args(arguments).env("FLEET_DIR", &self.folder).envs(self.ports.clone()).stdin(Stdio::null());
        command
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(name)
}

/// The first of `count` ports in a row that are free and given to nobody else here. They lie below those that the kernel
/// hands out to outgoing connections: one of these could take the port of a server that is stopped for a moment.
pub fn free_ports(count: u16) -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let free = |port: u32| u16::try_from(port).is_ok_and(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    for _ in 0..500 {
        let taken = TAKEN.fetch_add(u32::from(count), Ordering::Relaxed);
        let first = 15_000 + (std::process::id() % 150 * 100 + taken) % 15_000;
        if (first..first + u32::from(count)).all(free) {
            return u16::try_from(first).expect("below 31000");
        }
    }
    panic!("no free ports between 15000 and 30000");
}

/// The end of this process, however it comes, closes the pipe that the script waits on.
fn remove_when_we_are_gone(folder: &Path) {
    let mut waiting = Command::new("setsid");
    waiting.args(["sh", "-c", r#"read _; exec "$0" --wipe"#]).arg(script("down")).env("FLEET_DIR", folder);
    let waiting = waiting.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    // Never closed by us: the writing end lives as long as this process.
    std::mem::forget(waiting.context("setsid").expect("a shell"));
}
