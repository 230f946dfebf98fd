//! The `fleet` program: runs the fleet in one process, registers customers, follows what came of it, and fixes what failed.

use client::output;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

mod check;
mod choreography;
#[cfg(test)]
mod env_example;
mod flow_view;
mod follow;
mod management;
mod metrics;

mod parked;
mod prompt;
mod register;
mod replay;
mod republish;
mod retire;
mod run;

mod terminal;
mod top;

/// Runs the fleet, registers customers, follows what became of them, and fixes what failed.
#[derive(Parser)]
#[command(name = "fleet", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<run::RunArgs>),
    Register(register::RegisterArgs),
    Follow(follow::FollowArgs),
    Check(check::CheckArgs),
    Parked(parked::ParkedArgs),
    Replay(replay::ReplayArgs),
    Republish(republish::RepublishArgs),
    Retire(retire::RetireArgs),
    Top(top::TopArgs),
    /// Print what the services measure: docs/metrics.md.
    Metrics,
    Choreography(choreography::ChoreographyArgs),
}

fn main() -> ExitCode {
    let command = service::config::without_empty_variables(Cli::command());
    let matches = command.try_get_matches().unwrap_or_else(|error| output::exit(&error));
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| output::exit(&error));
    let result = match cli.command {
        Command::Run(args) => return run::run(*args),
        Command::Register(args) => register::register(args).map(|()| ExitCode::SUCCESS),
        Command::Follow(args) => follow::follow(&args),
        Command::Check(args) => Ok(check::check(&args)),
        Command::Parked(args) => parked::parked(args),
        Command::Replay(args) => replay::replay(&args),
        Command::Republish(args) => republish::republish(&args).map(|()| ExitCode::SUCCESS),
        Command::Retire(args) => retire::retire(&args),
        Command::Top(args) => top::top(&args).map(|()| ExitCode::SUCCESS),
        Command::Metrics => metrics::print().map(|()| ExitCode::SUCCESS),
        Command::Choreography(args) => choreography::choreography(&args),
    };
    result.unwrap_or_else(|error| {
        output::tell(format_args!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
