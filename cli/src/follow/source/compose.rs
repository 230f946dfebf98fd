//! The services' logs as Docker Compose keeps them.

use std::{
    io::BufReader,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use super::scanned::{Scanned, each_line};

const LOGS: [&str; 7] = ["compose", "logs", "--no-log-prefix", "--no-color", "customer", "email", "loyalty"];

/// Whether Compose runs, or ran, a fleet here.
pub fn has_containers() -> bool {
    let listing = Command::new("docker")
        .args(["compose", "ps", "--all", "--quiet"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    listing.is_ok_and(|listing| listing.status.success() && !listing.stdout.trim_ascii().is_empty())
}

/// Streams what `docker compose logs` prints; its complaints go to stderr.
pub fn read(visit: &mut dyn FnMut(&[u8])) -> anyhow::Result<Scanned> {
    let mut child = Command::new("docker")
        .args(LOGS)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("can't run docker compose")?;
    let output = child.stdout.take().context("docker compose has no output")?;
    let lines = each_line(BufReader::new(output), visit)?;
    let status = child.wait()?;
    if !status.success() {
        bail!("docker compose logs failed ({status})");
    }
    Ok(Scanned { lines, place: "docker compose logs".into(), skipped: Vec::new() })
}
