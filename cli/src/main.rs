//! The `fleet` program: runs the fleet in one process, registers a customer, follows what came of it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod fleet_dir;
mod follow;
mod register;
mod run;

/// Runs the fleet, registers customers, and follows what became of them.
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
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => return run::run(*args),
        Command::Register(args) => register::register(args).map(|()| ExitCode::SUCCESS),
        Command::Follow(args) => follow::follow(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
