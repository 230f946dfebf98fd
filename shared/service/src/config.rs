//! Settings: a flag and an environment variable of one name each.

use std::{
    env,
    io::{self, ErrorKind, Write},
    net::SocketAddr,
    process,
};

use clap::{Arg, Args, Command, CommandFactory, FromArgMatches, Parser};
use messaging::{middleware::Faults, retention::Retention};
use secrecy::SecretString;

use crate::{
    http::{host::AllowedHosts, public_url::PublicUrl},
    telemetry::TelemetryConfig,
};

/// What every service can be told.
#[derive(Clone, Debug, Args)]
pub struct CommonConfig {
    /// Postgres, as the service's own role: `postgres://SERVICE:PASSWORD@127.0.0.1:5432/pasdetrois`.
    #[arg(long, env, hide_env_values = true)]
    pub database_url: SecretString,
    /// How many database connections the service opens at most.
    #[arg(long, env, default_value_t = 16, value_parser = clap::value_parser!(u32).range(4..=200))]
    pub database_connections: u32,
    /// RabbitMQ, as the service's own user: `amqp://SERVICE:PASSWORD@127.0.0.1:5672/%2Fpasdetrois` (or amqps://).
    #[arg(long, env, hide_env_values = true)]
    pub amqp_url: SecretString,
    /// Where the public HTTP API listens.
    #[arg(long, env)]
    pub http_addr: SocketAddr,
    /// Where the operations port listens: health, administration. Not for the public.
    #[arg(long, env)]
    pub ops_addr: SocketAddr,
    /// The names under which both are asked, beside `localhost` and addresses, separated by commas: any other `Host` is refused.
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "NAMES")]
    pub allowed_hosts: AllowedHosts,
    /// Where others reach the public API, if that is another address: behind a proxy, say `https://example.com/path`. The
    /// name is allowed, and the path may stand before all paths.
    #[arg(long, env, value_name = "URL")]
    pub public_url: Option<PublicUrl>,
    /// How many messages are handled per second at most; no limit if not set.
    #[arg(long, env, value_parser = clap::value_parser!(u64).range(1..))]
    pub messages_per_second: Option<u64>,
    /// For how many hours a message that fails is tried again before it is dead.
    #[arg(long, env, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8760))]
    pub parked_hours: u32,
    /// Whoever bears this token may use the paths under /admin, which answer 403 without one, and read names and addresses.
    #[arg(long, env, hide_env_values = true)]
    pub admin_token: Option<SecretString>,
    /// Build the state from the histories at a first start without mails and follow-ups: for a lost database.
    #[arg(long, env)]
    pub mute_catch_up: bool,
    /// What is kept for how long.
    #[command(flatten)]
    pub retention: RetentionConfig,
    /// For drills only: handlings that fail or take longer, as in `fail=0.2,delay=50ms,always=0.05`. A share of all
    /// handlings fails, every handling takes so much longer, all handlings of a share of the subjects fail.
    #[arg(long, env, value_name = "FAULTS")]
    pub inject_faults: Option<Faults>,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

/// For how many days what is kept.
#[derive(Clone, Copy, Debug, Args)]
pub struct RetentionConfig {
    /// For how many days published events stay in the outbox: so far back `fleet republish` can go.
    #[arg(long, env, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub outbox_days: u32,
    /// For how many days the inbox remembers an event; at least as long as histories keep it.
    #[arg(long, env, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub inbox_days: u32,
    /// For how many days the broker keeps a service's history. One number for the whole fleet.
    #[arg(long, env, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub history_days: u32,
}

impl From<RetentionConfig> for Retention {
    fn from(RetentionConfig { outbox_days, inbox_days, history_days }: RetentionConfig) -> Self {
        Self { outbox_days, inbox_days, history_days }
    }
}

/// The settings of one service: what all have, and `Own`.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Config<Own: Args> {
    /// What all services have.
    #[command(flatten)]
    pub common: CommonConfig,
    /// What only this one has.
    #[command(flatten)]
    pub own: Own,
}

/// For a service without settings of its own.
#[derive(Clone, Debug, Args)]
pub struct NoSettings {}

impl<Own: Args> Config<Own> {
    /// Reads the command line and the environment; ends the process with a message if they are wrong.
    pub fn from_args(name: &'static str, http_port: u16, operations_port: u16) -> Self {
        let local = |port| format!("127.0.0.1:{port}");
        let command = Self::command()
            .name(name)
            .about(format!("The {name} service of Pas de Trois. Each setting is a flag or an environment variable."))
            .long_about(None)
            .mut_arg("http_addr", |arg| arg.required(false).default_value(local(http_port)))
            .mut_arg("ops_addr", |arg| arg.required(false).default_value(local(operations_port)));
        let command = without_empty_variables(command);
        let matches = command.try_get_matches().unwrap_or_else(|error| exit(&error));
        Self::from_arg_matches(&matches).unwrap_or_else(|error| exit(&error))
    }
}

/// As clap ends a process, but with an error if its help can't be written: clap says nothing then, and that all is well.
fn exit(error: &clap::Error) -> ! {
    let code = match error.print() {
        Err(failed) if failed.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "error: can't write to standard output: {failed}");
            1
        }
        _ => error.exit_code(),
    };
    process::exit(code)
}

/// `command`, its subcommands included, for which an empty variable counts as not set: that is how one is taken back in a
/// file of settings, or handed through by Compose.
pub fn without_empty_variables(command: Command) -> Command {
    command.mut_args(without_empty_variable).mut_subcommands(without_empty_variables)
}

fn without_empty_variable(arg: Arg) -> Arg {
    let is_empty = arg.get_env().and_then(env::var_os).is_some_and(|value| value.is_empty());
    if is_empty { arg.env(None::<&str>) } else { arg }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `CARGO_PKG_README` is set and empty, `CARGO_PKG_NAME` is set, while tests run under cargo.
    #[test]
    fn an_empty_variable_counts_as_not_set() {
        for (name, taken) in [("CARGO_PKG_README", false), ("CARGO_PKG_NAME", true)] {
            let arg = without_empty_variable(Arg::new("setting").env(name));
            assert_eq!(arg.get_env().is_some(), taken, "{name}");
        }
    }
}
