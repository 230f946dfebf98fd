//! The settings of `fleet run`: each service's own, named after it, and what all have in common.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use email::EmailConfig;
use flow_view::FlowViewConfig;
use messaging::middleware::Faults;
use secrecy::SecretString;
use service::{
    config::{CommonConfig, RetentionConfig},
    telemetry::TelemetryConfig,
};

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

/// Run customer, email, loyalty and the flow view in one process.
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
    customer: Customer,
    #[command(flatten)]
    email: Email,
    #[command(flatten)]
    loyalty: Loyalty,
    #[command(flatten)]
    flow_view: FlowView,
    #[command(flatten)]
    every: Every,
}

/// The settings of one service. A macro because clap can't put a prefix before the names of a flattened struct.
macro_rules! settings_of {
    ($Settings:ident { $($own:tt)* }, $name:literal, $NAME:literal, $http:literal, $ops:literal) => {
        #[derive(Clone, Debug, Args)]
        #[command(next_help_heading = concat!("Settings of ", $name))]
        struct $Settings {
            /// Postgres, as the service's own role.
            #[arg(id = concat!($name, "_database_url"), long = concat!($name, "-database-url"))]
            #[arg(env = concat!($NAME, "_DATABASE_URL"), hide_env_values = true, value_name = "URL")]
            database_url: SecretString,
            /// RabbitMQ, as the service's own user; only with --bus rabbitmq.
            #[arg(id = concat!($name, "_amqp_url"), long = concat!($name, "-amqp-url"))]
            #[arg(env = concat!($NAME, "_AMQP_URL"), hide_env_values = true, value_name = "URL")]
            #[arg(required_if_eq("bus", "rabbitmq"))]
            amqp_url: Option<SecretString>,
            /// Where the public HTTP API listens.
            #[arg(id = concat!($name, "_http_addr"), long = concat!($name, "-http-addr"))]
            #[arg(env = concat!($NAME, "_HTTP_ADDR"), default_value = $http, value_name = "ADDR")]
            http_addr: SocketAddr,
            /// Where the operations port listens: health, administration. Not for the public.
            #[arg(id = concat!($name, "_ops_addr"), long = concat!($name, "-ops-addr"))]
            #[arg(env = concat!($NAME, "_OPS_ADDR"), default_value = $ops, value_name = "ADDR")]
            ops_addr: SocketAddr,
            $($own)*
        }

        impl $Settings {
            fn with(self, every: Every) -> CommonConfig {
                CommonConfig {
                    database_url: self.database_url,
                    database_connections: every.database_connections,
                    // Nobody reads it over the bus in memory.
                    amqp_url: self.amqp_url.unwrap_or_default(),
                    http_addr: self.http_addr,
                    ops_addr: self.ops_addr,
                    batches_per_second: every.batches_per_second,
                    parked_hours: every.parked_hours,
                    admin_token: every.admin_token,
                    mute_catch_up: every.mute_catch_up,
                    retention: every.retention,
                    inject_faults: every.inject_faults,
                    telemetry: every.telemetry,
                }
            }
        }
    };
}

settings_of!(Customer {}, "customer", "CUSTOMER", "127.0.0.1:8080", "127.0.0.1:9080");
settings_of!(
    Email {
        #[command(flatten)]
        config: EmailConfig,
    },
    "email",
    "EMAIL",
    "127.0.0.1:8081",
    "127.0.0.1:9081"
);
settings_of!(Loyalty {}, "loyalty", "LOYALTY", "127.0.0.1:8082", "127.0.0.1:9082");
settings_of!(
    FlowView {
        #[command(flatten)]
        config: FlowViewConfig,
    },
    "flow-view",
    "FLOW_VIEW",
    "127.0.0.1:8088",
    "127.0.0.1:9088"
);

/// What holds for every service.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Settings of every service")]
struct Every {
    /// How many database connections each service opens at most.
    #[arg(long, env, default_value_t = 16, value_parser = clap::value_parser!(u32).range(4..=200))]
    database_connections: u32,
    /// How many batches of messages each service handles per second at most; no limit if not set.
    #[arg(long, env, value_parser = clap::value_parser!(u64).range(1..))]
    batches_per_second: Option<u64>,
    /// For how many hours a message that fails is tried again before it is dead.
    #[arg(long, env, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8760))]
    parked_hours: u32,
    /// Whoever bears this token may use the paths under /admin; without one they answer 403.
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

/// Each service's settings, as its own process would have read them.
pub struct Configs {
    pub customer: CommonConfig,
    pub email: CommonConfig,
    pub loyalty: CommonConfig,
    pub flow_view: CommonConfig,
}

impl RunArgs {
    /// Of logs and traces.
    pub fn telemetry(&self) -> &TelemetryConfig {
        &self.every.telemetry
    }

    /// What only email has.
    pub fn email_config(&self) -> &EmailConfig {
        &self.email.config
    }

    /// What only the flow view has.
    pub fn flow_view_config(&self) -> &FlowViewConfig {
        &self.flow_view.config
    }

    /// What all have.
    pub fn into_configs(self) -> Configs {
        let Self { customer, email, loyalty, flow_view, every, .. } = self;
        Configs {
            customer: customer.with(every.clone()),
            email: email.with(every.clone()),
            loyalty: loyalty.with(every.clone()),
            flow_view: flow_view.with(every),
        }
    }
}
