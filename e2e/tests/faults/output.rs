//! Whoever reads what a program prints may have gone, and the disk that it goes to may be full.

use std::{
    fs::OpenOptions,
    io::pipe,
    process::{Output, Stdio},
};

use anyhow::ensure;
use tokio::process::Command;

use super::harness::{Fleet, binary};

const PROGRAMS: &[&str] = &["customer", "email", "loyalty", "flow_view", "mail-sink", "drill", "fleet"];

/// What a program that prints to `stdout` says on standard error.
async fn run(arguments: &[&str], settings: &[(&str, &str)], stdout: Stdio) -> anyhow::Result<Output> {
    let mut command = Command::new(binary(arguments[0]));
    command.args(&arguments[1..]).envs(settings.iter().copied()).stdin(Stdio::null()).stderr(Stdio::piped());
    Ok(command.stdout(stdout).kill_on_drop(true).spawn()?.wait_with_output().await?)
}

async fn ensure_no_panic(arguments: &[&str], settings: &[(&str, &str)]) -> anyhow::Result<()> {
    let full = run(arguments, settings, OpenOptions::new().write(true).open("/dev/full")?.into()).await?;
    let said = String::from_utf8(full.stderr)?;
    ensure!(full.status.code() == Some(1), "{arguments:?} ended with {}: {said}", full.status);
    ensure!(said.lines().count() == 1 && said.contains("No space left"), "{arguments:?}: {said}");
    let (reader, writer) = pipe()?;
    drop(reader);
    let gone = run(arguments, settings, writer.into()).await?;
    let said = String::from_utf8(gone.stderr)?;
    ensure!(gone.status.success() && said.is_empty(), "{arguments:?} ended with {}: {said}", gone.status);
    Ok(())
}

#[tokio::test]
async fn a_reader_who_has_gone_and_a_full_disk_make_no_program_panic() -> anyhow::Result<()> {
    for program in PROGRAMS {
        ensure_no_panic(&[program, "--help"], &[]).await?;
    }
    let help = run(&["fleet", "--help"], &[], Stdio::piped()).await?;
    let help = String::from_utf8(help.stdout)?;
    let (_, commands) = help.split_once("Commands:").unwrap_or_default();
    let commands = commands.lines().skip(1).map_while(|line| line.split_whitespace().next());
    let mut seen = 0;
    for command in commands.filter(|command| *command != "help") {
        ensure_no_panic(&["fleet", command, "--help"], &[]).await?;
        seen += 1;
    }
    ensure!(seen > 10, "{help}");
    for command in ["metrics", "choreography"] {
        ensure_no_panic(&["fleet", command], &[]).await?;
    }
    let fleet = Fleet::start().await?;
    ensure_no_panic(&["fleet", "register"], &[("CUSTOMER_URL", &fleet.api.urls("customer").http)]).await
}
