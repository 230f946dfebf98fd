//! `fleet check`: is every flow complete, and if not, what is missing?

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Args;
use client::{http, output};
use flow::{FlowDetail, State, Step, answers::Tally, sentences};
use jiff::Timestamp;
use messaging::clock::Clock;
use serde::Serialize;
use tokio::time::sleep;

use crate::{
    flow_view::{FlowView, FlowViewArgs},
    follow::seconds,
};

/// How many incomplete flows of one state are named.
const NAMED: usize = 50;
/// Between two looks, with --wait.
const REST: Duration = Duration::from_millis(250);

/// Check that every flow is complete: each step that the choreography expects is there.
///
/// Asks the flow view, which sees every event. A flow is incomplete while it runs and when it is stuck; each is named
/// with the step that is missing, who should have done it, and what that service says.
///
/// Exit codes: 0 if all are complete, 1 if some are not, 2 if the flow view can't be asked.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// Flows that began then or later: how long ago (`30m`, `1h 30m`, `7d`), or a time as in 2026-11-21T08:00:00Z.
    #[arg(long, default_value = "1h", value_name = "SINCE")]
    since: String,
    /// Look again while flows run, for this long at most.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "0")]
    wait: Duration,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flow_view: FlowViewArgs,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Report {
    since: String,
    flows: Tally,
    /// Named ones: the stuck first. There may be more.
    incomplete: Vec<Incomplete>,
}

#[derive(Debug, Serialize)]
struct Incomplete {
    correlation_id: uuid::Uuid,
    state: State,
    missing: Vec<Step>,
    problems: Vec<String>,
}

/// Looks, waits if told to, prints.
pub fn check(args: &CheckArgs) -> ExitCode {
    let checked = args.flow_view.open().and_then(|view| {
        let report = http::block_on(report(&view, args))?;
        let text = if args.json { serde_json::to_string_pretty(&report)? } else { report.render() };
        output::print(&text)?;
        Ok(report.is_complete())
    });
    match checked {
        Ok(complete) => ExitCode::from(u8::from(!complete)),
        Err(error) => {
            output::tell(format_args!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

async fn report(view: &FlowView, args: &CheckArgs) -> anyhow::Result<Report> {
    let (start, mut told) = (Instant::now(), false);
    let flows = loop {
        let flows = view.count(&args.since).await?;
        if flows.running == 0 || start.elapsed() >= args.wait {
            break flows;
        }
        if !told && start.elapsed() > Duration::from_secs(2) {
            output::tell(format_args!("… {} flows are running", flows.running));
            told = true;
        }
        sleep(REST).await;
    };
    let mut incomplete = Vec::new();
    for state in [State::Stuck, State::Running] {
        for flow in view.list(state, &args.since, NAMED).await? {
            let found = view.find(&flow.correlation_id.to_string()).await?;
            incomplete.extend(found.iter().find(|found| found.flow.correlation_id == flow.correlation_id).map(named));
        }
    }
    Ok(Report { since: args.since.clone(), flows, incomplete })
}

fn named(detail: &FlowDetail) -> Incomplete {
    Incomplete {
        correlation_id: detail.flow.correlation_id,
        state: detail.flow.state,
        missing: sentences::missing(detail),
        problems: detail.flow.problems.clone(),
    }
}

impl Report {
    fn is_complete(&self) -> bool {
        self.flows.running == 0 && self.flows.stuck == 0
    }

    fn render(&self) -> String {
        let now = Clock::System.now();
        let mut lines: Vec<_> = self.incomplete.iter().map(|flow| flow.render(now)).collect();
        let Tally { running, done, compensated, stuck } = self.flows;
        let (all, open) = (running + done + compensated + stuck, running + stuck);
        let more = usize::try_from(open).unwrap_or_default().saturating_sub(self.incomplete.len());
        if more > 0 {
            lines.push(format!("… and {more} more"));
        }
        let since = &self.since;
        lines.push(match (all, open) {
            (0, _) => format!("no flow has begun since {since}"),
            (_, 0) => format!("complete: {done} done and {compensated} compensated of {all} flows since {since}"),
            _ => format!("incomplete: {stuck} stuck and {running} running of {all} flows since {since}"),
        });
        lines.join("\n")
    }
}

impl Incomplete {
    fn render(&self, now: Timestamp) -> String {
        let missing = self.missing.iter().map(|step| sentences::in_words(step, now));
        let what: Vec<_> = missing.chain(self.problems.iter().cloned()).collect();
        format!(
            "{:<7}  {}  {}",
            self.state.as_str(),
            self.correlation_id,
            what.join("\n                                               ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(running: i64, done: i64, stuck: i64) -> Report {
        Report { since: "1h".into(), flows: Tally { running, done, compensated: 0, stuck }, incomplete: Vec::new() }
    }

    #[test]
    fn flows_that_run_or_are_stuck_are_not_complete() {
        assert!(report(0, 3, 0).is_complete() && report(0, 0, 0).is_complete());
        assert!(!report(1, 3, 0).is_complete() && !report(0, 3, 1).is_complete());
        assert_eq!(report(0, 3, 0).render(), "complete: 3 done and 0 compensated of 3 flows since 1h");
        let text = report(1, 3, 60).render();
        assert!(text.starts_with("… and 61 more"), "{text}");
        assert!(text.ends_with("incomplete: 60 stuck and 1 running of 64 flows since 1h"), "{text}");
    }
}
