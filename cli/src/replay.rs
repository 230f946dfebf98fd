//! `fleet replay`: a service reads an owner's history again.

use std::{
    io::IsTerminal,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use client::{ApiError, Operations, OperationsArgs, Service, http, output, progress};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Method, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Without a terminal, a line says so often how far it has come.
const TELL: Duration = Duration::from_secs(5);
const INTERRUPTED: u8 = 130;
/// For how long an earlier replay may still be ending.
const BUSY: Duration = Duration::from_secs(5);

/// Have a service read an owner's history again, up to its end as of now.
///
/// What the service's inbox has not seen goes to its own handlers, in the history's order. What it has seen does nothing.
/// Ctrl-C interrupts it; the same command goes on from there.
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// The service that reads.
    #[arg(long)]
    service: Service,
    /// Whose history.
    #[arg(long)]
    owner: String,
    /// Only this event type; if not given, all that the service reacts to.
    #[arg(long)]
    event: Option<String>,
    /// `first`, or a time (RFC 3339): events recorded then or later.
    #[arg(long)]
    from: String,
    /// Build the service's state without mails and follow-up events.
    #[arg(long)]
    mute: bool,
    /// Count only.
    #[arg(long)]
    dry_run: bool,
    /// Print the result as a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operations: OperationsArgs,
}

/// What the service tells, one line at a time.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Progress {
    next_offset: Option<u64>,
    last_offset: Option<u64>,
    new: u64,
    already_handled: u64,
    parked: u64,
    resumed: bool,
    done: bool,
}

/// Asks, and shows how it goes on.
pub fn replay(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let operations = args.operations.open()?;
    let ReplayArgs { owner, event, from, mute, dry_run, .. } = args;
    let body = json!({ "owner": owner, "event": event, "from": from, "mute": mute, "dry_run": dry_run });
    http::block_on(async {
        let mut watch = Watch::new();
        let response = begin(&operations, args.service, &body).await?;
        let finished = tokio::select! {
            finished = watch.until_it_ends(response) => finished.map(|()| true),
            interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| false).map_err(Into::into),
        };
        watch.bar.finish_and_clear();
        watch.conclude(args, finished?)
    })
}

/// Asks until the service has noticed that an interrupted replay is not listened to any more, for a few seconds.
async fn begin(operations: &Operations, service: Service, body: &Value) -> anyhow::Result<Response> {
    let deadline = Instant::now() + BUSY;
    loop {
        let request = operations.request(service, Method::POST, "/replay")?.json(body);
        match http::send(request).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(Duration::from_millis(200)).await,
            result => return result.with_context(|| service.name()),
        }
    }
}

fn is_busy(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ApiError>().is_some_and(|refusal| refusal.status == StatusCode::CONFLICT)
}

/// The progress, for eyes.
struct Watch {
    bar: ProgressBar,
    told: Instant,
    last: Progress,
}

impl Watch {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        let style = "{bar:30} {pos}/{len}  {per_sec}  {eta} left  {msg}";
        // The template is ours, and right.
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Self { bar, told: Instant::now(), last: Progress::default() }
    }

    async fn until_it_ends(&mut self, response: Response) -> anyhow::Result<()> {
        progress::until_done(response, |line| self.tell(serde_json::from_value(line.clone()).unwrap_or_default()))
            .await?;
        Ok(())
    }

    fn tell(&mut self, progress: Progress) {
        let (position, length) = (progress.next_offset.unwrap_or(0), progress.last_offset.map_or(0, |last| last + 1));
        if self.last.last_offset.is_none() && progress.resumed {
            output::tell(format_args!("going on at {position} of {length}, where it was interrupted"));
            self.bar.reset_eta();
        }
        self.bar.set_length(length);
        self.bar.set_position(position);
        self.bar.set_message(counts(&progress));
        if !std::io::stderr().is_terminal() && self.told.elapsed() >= TELL {
            output::tell(format_args!("  … {position} of {length}: {}", counts(&progress)));
            self.told = Instant::now();
        }
        self.last = progress;
    }

    fn conclude(&self, args: &ReplayArgs, finished: bool) -> anyhow::Result<ExitCode> {
        let counts = counts(&self.last);
        if !finished {
            output::tell(format_args!("interrupted ({counts}): the same command goes on from there"));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        if args.json {
            output::print(&serde_json::to_string(&self.last)?)?;
        } else if args.dry_run {
            output::print(&format!("would be handled: {counts}"))?;
        } else {
            output::print(&counts)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn counts(progress: &Progress) -> String {
    let Progress { new, already_handled, parked, .. } = progress;
    format!("{new} new, {already_handled} already handled, {parked} parked")
}
