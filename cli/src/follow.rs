//! `fleet follow`: rebuilds a flow from the logs alone.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::bail;
use clap::Args;
use client::output;
use contracts::choreography::REACTIONS;
use flow::logged::Flow;

use crate::flow_view::FlowViewArgs;

mod flow_id;
mod live;
mod search;
mod source;
mod text;
mod wait;

use flow_id::Wanted;
use search::{Found, search};
use source::Sources;

/// Follow a flow: every event under its cause, and what each service did with it, read from the logs alone.
///
/// Times are milliseconds since the request that began the flow, by each service's own clock; the tree does not depend on
/// them. The last line says how the flow stands: done, compensated, running, waiting, dead or stuck.
///
/// Exit codes: 0 if the flow was found, 1 if not, or if --wait was in vain.
#[derive(Clone, Debug, Args)]
pub struct FollowArgs {
    /// A customer, event, correlation, trace or transaction id.
    id: Wanted,
    /// Read *.jsonl in this folder (and rotated *.jsonl.1 and *.jsonl.2.gz), or standard input if it is a dash; the running
    /// fleet's logs if not given.
    #[arg(long, value_name = "DIR|-")]
    logs: Option<PathBuf>,
    /// Read `docker compose logs`; the default if there is no folder of logs, or the flow is not in it.
    #[arg(long, conflicts_with = "logs")]
    compose: bool,
    /// Look again until the flow is finished or dead, for this long at most.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    wait: Option<Duration>,
    /// Draw the tree as it grows, by what the flow view sees; until the flow has ended, or for as long as --wait says.
    #[arg(long, conflicts_with_all = ["logs", "compose", "json"])]
    live: bool,
    /// Print a JSON array of flows.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flow_view: FlowViewArgs,
}

pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Searches, waits if told to, prints.
pub fn follow(args: &FollowArgs) -> anyhow::Result<ExitCode> {
    if args.live {
        return live::live(&args.flow_view, &args.id.to_string(), args.wait);
    }
    let mut sources = Sources::chosen(args.logs.as_deref(), args.compose, args.flow_view.fleet.logs(), args.id)?;
    let limit = args.wait.filter(|_| sources.can_grow()).unwrap_or_default();
    let mut without = Vec::new();
    let (flows, scanned) = wait::until_final(limit, || {
        let Found { hops, scanned, skipped } = search(&mut sources, args.id)?;
        without = skipped;
        Ok((hops.iter().map(|(id, hops)| Flow::new(REACTIONS, *id, hops)).collect(), scanned))
    })?;
    if flows.is_empty() {
        bail!("no flow with the id {} in the logs (read: {scanned})", args.id);
    }
    for log in without {
        output::tell(format_args!("{log} can't be read: decompress it, and the flow may have more to it"));
    }
    print(args.json, &flows)?;
    let in_vain = args.wait.is_some() && !flows.iter().all(Flow::is_finished);
    Ok(ExitCode::from(u8::from(in_vain)))
}

fn print(json: bool, flows: &[Flow]) -> anyhow::Result<()> {
    if json {
        return output::print(&serde_json::to_string_pretty(flows)?);
    }
    let texts: Vec<_> = flows.iter().map(text::render).collect();
    output::print(&texts.join("\n\n"))
}
