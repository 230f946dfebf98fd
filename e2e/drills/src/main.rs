//! The program `drill`: breaks the running fleet on purpose, and gives a verdict on what became of the registrations.

use std::process::ExitCode;

use anyhow::ensure;
use clap::{Parser, ValueEnum, builder::PossibleValue};
use client::{FleetDir, NO_TOKEN, output};
use tokio::signal::unix::{SignalKind, signal};

mod catalogue;
mod containers;
mod context;
mod faults;
mod fleet;
mod observations;
mod process_control;
mod progress;
mod proxy;
mod report;
mod scenarios;
mod slow_mail;
mod verdict;

use catalogue::{Drill, Size};
use context::DrillContext;
use fleet::Fleet;
use verdict::Verdict;

/// Break the running fleet on purpose, and see that nothing is lost, doubled or out of order.
///
/// Each drill puts on load from concurrent clients while something breaks, fixes it, waits until the fleet is quiet, and
/// compares what was acknowledged with the three schemas, the mailbox and the broker. It counts its own registrations
/// only, so the fleet may have been in use; nothing but the drill should use it meanwhile. Time to recover is from the end
/// of the fault, or of the load if that is later, until the fleet is quiet. Ctrl-C fixes what is broken.
///
/// Exit codes: 0 if every verdict is good, 1 if one is bad, 2 for wrong usage or if no quiet fleet is there, 130
/// if interrupted.
#[derive(Clone, Debug, Parser)]
#[command(name = "drill", version)]
struct DrillArgs {
    /// Which drills; `all` are all but the grand one.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<Name>,
    /// How many customers register [default: 1000; in the grand drill 10000].
    #[arg(long, value_parser = clap::value_parser!(u32).range(10..=50_000))]
    customers: Option<u32>,
    /// How many clients register them [default: 20; in the grand drill 100].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=500))]
    clients: Option<u32>,
    /// The fleet that docker compose has started, from within its network: scripts/drill --compose.
    #[arg(long)]
    compose: bool,
    /// Print a JSON array of verdicts.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    fleet: FleetDir,
}

/// A drill, or all of them.
#[derive(Clone, Copy, Debug)]
enum Name {
    One(Drill),
    All,
}

impl ValueEnum for Name {
    fn value_variants<'a>() -> &'a [Self] {
        static NAMES: std::sync::LazyLock<Vec<Name>> = std::sync::LazyLock::new(|| {
            let drills = Drill::value_variants().iter().copied().map(Name::One);
            drills.chain([Name::All]).collect()
        });
        &NAMES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::One(drill) => drill.to_possible_value(),
            Self::All => Some(PossibleValue::new("all").help("All of these, but not the grand one")),
        }
    }
}

/// Wrong usage, or nothing to drill.
const NOTHING_TO_DRILL: u8 = 2;
/// As shells have it for SIGINT.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    drill(&DrillArgs::try_parse().unwrap_or_else(|error| output::exit(&error))).unwrap_or_else(|error| {
        output::tell(format_args!("error: {error:#}"));
        ExitCode::from(NOTHING_TO_DRILL)
    })
}

/// Carries the drills out, one after the other.
fn drill(args: &DrillArgs) -> anyhow::Result<ExitCode> {
    // Load comes from many clients at once: on all cores.
    tokio::runtime::Runtime::new()?.block_on(async {
        let fleet = if args.compose { Fleet::composed()? } else { Fleet::native(&args.fleet)? };
        let ended = tokio::select! {
            ended = carry_out(args, &fleet) => ended,
            signal = interrupted() => signal,
        };
        // Whatever happened: nothing stays broken.
        fleet.faults.fix_all().await?;
        ended
    })
}

async fn interrupted() -> anyhow::Result<ExitCode> {
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
    output::tell("interrupted: fixing what is broken");
    Ok(ExitCode::from(INTERRUPTED))
}

async fn carry_out(args: &DrillArgs, fleet: &Fleet) -> anyhow::Result<ExitCode> {
    let mut verdicts = Vec::new();
    for drill in args.drills() {
        if drill.needs_administration() && !fleet.can_be_administered() {
            output::tell(format_args!("{} is left out, as an operator has a part in it: {NO_TOKEN}", drill.name()));
            continue;
        }
        let verdict = match fleet.ensure_ready().await {
            Ok(()) => perform(drill, args.size(drill), fleet).await,
            Err(error) if verdicts.is_empty() => return Err(error),
            Err(error) => Err(error.context("not begun")),
        };
        fleet.faults.fix_all().await?;
        let verdict = verdict.unwrap_or_else(|error| Verdict::failed(&drill.name(), &error));
        if !args.json {
            output::print(&report::table(&verdict))?;
        }
        verdicts.push(verdict);
    }
    if args.json {
        output::print(&serde_json::to_string_pretty(&verdicts)?)?;
    } else if verdicts.len() > 1 {
        output::print(&report::summary(&verdicts))?;
    }
    ensure!(!verdicts.is_empty(), "there was no drill to be carried out");
    let good = verdicts.iter().all(|verdict| verdict.good);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn perform(drill: Drill, size: Size, fleet: &Fleet) -> anyhow::Result<Verdict> {
    let mut context = DrillContext::set(fleet, &drill.name(), size);
    scenarios::perform(drill, &mut context).await?;
    context.until_quiet(&[]).await;
    context.judge().await
}

impl DrillArgs {
    fn drills(&self) -> Vec<Drill> {
        let drills_of = |name: &Name| match name {
            Name::One(drill) => vec![*drill],
            Name::All => Drill::all(),
        };
        self.names.iter().flat_map(drills_of).collect()
    }

    fn size(&self, drill: Drill) -> Size {
        let Size { customers, clients, over } = drill.size();
        Size {
            customers: self.customers.map_or(customers, |count| count as usize),
            clients: self.clients.map_or(clients, |count| count as usize),
            over,
        }
    }
}
