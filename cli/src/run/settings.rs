//! The settings of `fleet run`: those that each service has, named after it, and those that all have in common.

use std::net::SocketAddr;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueEnum, value_parser};
use contracts::{SERVICES, ServiceInfo};
use customer::CustomerConfig;
use email::EmailConfig;
use flow_view::FlowViewConfig;
use messaging::middleware::Faults;
use secrecy::SecretString;
use service::{
    config::{CommonConfig, RetentionConfig},
    http::{host::AllowedHosts, public_url::PublicUrl},
    telemetry::TelemetryConfig,
};

use super::members::OwnSettings;

/// What carries the events from one service to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BusKind {
    /// A bus within this process: needs no broker.
    Memory,
    /// RabbitMQ, each service as its own user.
    Rabbitmq,
}

const EXAMPLE: &str = "Example, without RabbitMQ:
  scripts/servers start postgres
  set -a; source <(scripts/servers env); set +a
  fleet run --bus memory";

/// Run every service of the fleet in one process.
///
/// They behave and log as they do as processes of their own, and share nothing but the bus. SIGTERM and Ctrl-C let every
/// service finish what is in flight; if one ends with an error, the others stop too and the exit code is 1.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct RunArgs {
    /// What carries the events from one service to the others.
    #[arg(long, env, value_enum)]
    pub bus: BusKind,
    #[command(flatten)]
    each: Each,
    #[command(flatten, next_help_heading = "Settings of customer")]
    customer: CustomerConfig,
    #[command(flatten, next_help_heading = "Settings of email")]
    email: EmailConfig,
    #[command(flatten, next_help_heading = "Settings of flow_view")]
    flow_view: FlowViewConfig,
    #[command(flatten)]
    every: Every,
}

/// What each service is told under its own name, in the order of [`SERVICES`]. By hand, because clap's macro can't put a
/// prefix before names.
#[derive(Clone, Debug)]
struct Each(Vec<Own>);

#[derive(Clone, Debug)]
struct Own {
    database_url: SecretString,
    amqp_url: Option<SecretString>,
    http_addr: SocketAddr,
    ops_addr: SocketAddr,
    public_url: Option<PublicUrl>,
}

/// A setting of a service: `--flow-view-http-addr`, `FLOW_VIEW_HTTP_ADDR`.
fn setting(service: &ServiceInfo, name: &str, help: &'static str) -> Arg {
    let id = format!("{}_{name}", service.name);
    Arg::new(&id)
        .long(id.replace('_', "-"))
        .env(id.to_uppercase())
        .action(ArgAction::Set)
        .help_heading(format!("Settings of {}", service.name))
        .help(help)
}

fn settings(service: &ServiceInfo) -> [Arg; 5] {
    let secret = |name, help| {
        let url = setting(service, name, help).value_name("URL").hide_env_values(true);
        url.value_parser(value_parser!(SecretString))
    };
    let local = |name, port, help| {
        let address = setting(service, name, help).value_name("ADDR").default_value(format!("127.0.0.1:{port}"));
        address.value_parser(value_parser!(SocketAddr))
    };
    [
        secret("database_url", "Postgres, as the service's own role").required(true),
        secret("amqp_url", "RabbitMQ, as the service's own user; only with --bus rabbitmq")
            .required_if_eq("bus", "rabbitmq"),
        local("http_addr", service.http_port, "Where the public HTTP API listens"),
        local(
            "ops_addr",
            service.operations_port,
            "Where the operations port listens: health, administration. Not for the public",
        ),
        setting(service, "public_url", "Where others reach the public API, if that is another address: behind a proxy")
            .value_name("URL")
            .value_parser(value_parser!(PublicUrl)),
    ]
}

impl Args for Each {
    fn augment_args(command: Command) -> Command {
        command.args(SERVICES.iter().flat_map(settings))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Each {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingRequiredArgument);
        let own = SERVICES.iter().map(|service| {
            let id = |name: &str| format!("{}_{name}", service.name);
            let address = |name| matches.get_one::<SocketAddr>(&id(name)).copied().ok_or_else(missing);
            Ok(Own {
                database_url: matches.get_one::<SecretString>(&id("database_url")).cloned().ok_or_else(missing)?,
                amqp_url: matches.get_one::<SecretString>(&id("amqp_url")).cloned(),
                http_addr: address("http_addr")?,
                ops_addr: address("ops_addr")?,
                public_url: matches.get_one::<PublicUrl>(&id("public_url")).cloned(),
            })
        });
        own.collect::<Result<_, _>>().map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What holds for every service.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Settings of every service")]
struct Every {
    /// How many database connections each service opens at most.
    #[arg(long, env, default_value_t = 16, value_parser = clap::value_parser!(u32).range(4..=200))]
    database_connections: u32,
    /// The names under which all are asked, beside `localhost` and addresses, separated by commas: any other `Host` is refused.
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "NAMES")]
    allowed_hosts: AllowedHosts,
    /// How many messages each service handles per second at most; no limit if not set.
    #[arg(long, env, value_parser = clap::value_parser!(u64).range(1..))]
    messages_per_second: Option<u64>,
    /// For how many hours a message that fails is tried again before it is dead.
    #[arg(long, env, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8760))]
    parked_hours: u32,
    /// Whoever bears this token may use the paths under /admin, which answer 403 without one, and read names and addresses.
    #[arg(long, env, hide_env_values = true)]
    admin_token: Option<SecretString>,
    /// Build the state from the histories at a first start without mails and follow-ups: for a lost database.
    #[arg(long, env)]
    mute_catch_up: bool,
    #[command(flatten)]
    retention: RetentionConfig,
    /// For drills only: handlings that fail or take longer, as in `fail=0.2,delay=50ms,always=0.05`. A share of all
    /// handlings fails, every handling takes so much longer, all handlings of a share of the customers fail.
    #[arg(long, env, value_name = "FAULTS")]
    inject_faults: Option<Faults>,
    #[command(flatten)]
    telemetry: TelemetryConfig,
}

impl RunArgs {
    /// Of logs and traces.
    pub fn telemetry(&self) -> &TelemetryConfig {
        &self.every.telemetry
    }

    /// What only some services have.
    pub fn own(&self) -> OwnSettings {
        let Self { customer, email, flow_view, .. } = self.clone();
        OwnSettings { customer, email, flow_view }
    }

    /// What all have: each service's, as its own process would have read it, in the order of [`SERVICES`].
    pub fn into_configs(self) -> Vec<CommonConfig> {
        let Self { each: Each(own), every, .. } = self;
        own.into_iter().map(|own| own.with(every.clone())).collect()
    }
}

impl Own {
    fn with(self, every: Every) -> CommonConfig {
        CommonConfig {
            database_url: self.database_url,
            database_connections: every.database_connections,
            // Nobody reads it over the bus in memory.
            amqp_url: self.amqp_url.unwrap_or_default(),
            http_addr: self.http_addr,
            ops_addr: self.ops_addr,
            allowed_hosts: every.allowed_hosts,
            public_url: self.public_url,
            messages_per_second: every.messages_per_second,
            parked_hours: every.parked_hours,
            admin_token: every.admin_token,
            mute_catch_up: every.mute_catch_up,
            retention: every.retention,
            inject_faults: every.inject_faults,
            telemetry: every.telemetry,
        }
    }
}
