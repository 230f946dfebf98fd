//! Debian's Chromium and its driver as processes of one test: on a free port, with a profile of their own, and gone with it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::Context;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use uuid::Uuid;

/// A driver, and the folder of its browser's profile.
pub struct Chromium {
    driver: Child,
    profile: PathBuf,
    pub port: u16,
}

impl Chromium {
    /// Starts the driver; a session with it starts the browser.
    pub async fn start() -> anyhow::Result<Self> {
        let profile = std::env::temp_dir().join(format!("pasdetrois-browser-{}", Uuid::now_v7().simple()));
        fs::create_dir(&profile)?;
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut driver = command.spawn().context("can't run chromedriver (Debian: chromium-driver)")?;
        let mut lines = BufReader::new(driver.stdout.take().context("no output")?).lines();
        let mut port = None;
        while port.is_none() {
            let line = lines.next_line().await?.context("chromedriver ended before it listened")?;
            port = line.strip_suffix('.').and_then(|line| line.split_once("successfully on port ")?.1.parse().ok());
        }
        Ok(Self { driver, profile, port: port.context("no port")? })
    }

    /// What a session asks for.
    pub fn capabilities(&self) -> Value {
        // Root can't have Chromium's sandbox. The rest keeps the browser from asking the world for updates, in vain here.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            &format!("--user-data-dir={}", self.profile.display()),
        ];
        json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": arguments },
        } } })
    }

    /// Ends the driver; the browser is to be asked before.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.driver.kill().await?)
    }
}

/// A driver that is killed leaves its browser behind, which names the profile on its command line.
impl Drop for Chromium {
    fn drop(&mut self) {
        for process in using(&self.profile) {
            let _ = std::process::Command::new("kill").args(["-KILL", &process]).stderr(Stdio::null()).status();
        }
        let _ = fs::remove_dir_all(&self.profile);
    }
}

fn using(profile: &Path) -> Vec<String> {
    let wanted = format!("--user-data-dir={}", profile.display());
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ours = processes.filter(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == wanted.as_bytes())
    });
    ours.filter_map(|process| process.file_name().into_string().ok()).collect()
}
