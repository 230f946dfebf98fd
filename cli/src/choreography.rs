//! `fleet choreography`: prints the declared choreography, or compares it with a running fleet.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use client::output;
use contracts::choreography::{self, mermaid, table};

mod check;

use check::CheckArgs;

const HELP: &str =
    "Exit codes: 0 printed, or as declared; 1 differences; 2 wrong usage, or not everything could be asked.

Examples:
  fleet choreography
  fleet choreography --format mermaid
  fleet choreography --check";

/// Print who publishes what and who reacts, as it is declared; or compare that with a running fleet.
///
/// --check asks the broker for its exchanges, queues, bindings, consumers, publishers and, if it may, for its users'
/// rights; and each service for its handlers. Each difference is a line that says what to do. It changes nothing.
///
/// Consumers and publishers come from the broker's statistics, which are some seconds late.
#[derive(Clone, Debug, Args)]
#[command(after_help = HELP)]
pub struct ChoreographyArgs {
    /// How to print it; a table is Markdown.
    #[arg(long, value_enum, default_value_t = Format::Table, conflicts_with = "check")]
    format: Format,
    /// Compare the declaration with the broker and the services.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    fleet: CheckArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Json,
    Mermaid,
}

/// Prints or compares.
pub fn choreography(args: &ChoreographyArgs) -> anyhow::Result<ExitCode> {
    if args.check {
        return check::check(&args.fleet);
    }
    let text = match args.format {
        Format::Table => table::table(),
        Format::Json => serde_json::to_string_pretty(&choreography::declaration())?,
        Format::Mermaid => mermaid::flowchart(),
    };
    output::print(&text).map(|()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use client::Service;

    use super::*;

    #[test]
    fn the_command_line_knows_every_service_that_is_declared() {
        let mut declared = [choreography::services(), choreography::observers()].concat();
        declared.sort_unstable();
        let mut known: Vec<_> = Service::all().iter().map(|service| service.name()).collect();
        known.sort_unstable();
        assert_eq!(known, declared);
    }
}
