//! `fleet run`: the whole fleet in one process, over RabbitMQ or over a bus in memory.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use messaging::{
    bus::{Bus, memory::MemoryBus, rabbitmq::RabbitMq},
    database::Database,
};
use service::{self, Service, config::CommonConfig};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

mod settings;

pub use settings::RunArgs;
use settings::{BusKind, Configs};

/// Runs the fleet until SIGTERM or Ctrl-C; then every service finishes what is in flight.
pub fn run(args: RunArgs) -> ExitCode {
    let telemetry = args.telemetry().clone();
    service::run_process("fleet", &telemetry, |shutdown| async { run_all(members(args)?, shutdown).await })
}

/// A service that is ready to run.
struct Member {
    service: Service,
    database: Database,
    bus: Arc<dyn Bus>,
    config: CommonConfig,
}

fn members(args: RunArgs) -> anyhow::Result<Vec<Member>> {
    let bus = args.bus;
    let memory = MemoryBus::new();
    let email_config = args.email_config().clone();
    let member = |name, config, build: &dyn Fn(&Database) -> anyhow::Result<Service>| {
        member(config, name, bus, &memory, build).context(name)
    };
    let flow_view_config = args.flow_view_config().clone();
    let Configs { customer, email, loyalty, flow_view } = args.into_configs();
    Ok(vec![
        member(customer::SERVICE.name, customer, &|database| Ok(customer::service(database)))?,
        member(email::SERVICE.name, email, &|database| email::service(database, &email_config))?,
        member(loyalty::SERVICE.name, loyalty, &|database| Ok(loyalty::service(database)))?,
        member(flow_view::SERVICE.name, flow_view, &|database| flow_view::service(database, &flow_view_config))?,
    ])
}

/// Over RabbitMQ each service logs in as its own user; the bus in memory is one for all.
fn member(
    config: CommonConfig,
    name: &'static str,
    bus: BusKind,
    memory: &MemoryBus,
    build: &dyn Fn(&Database) -> anyhow::Result<Service>,
) -> anyhow::Result<Member> {
    let database = service::database(name, &config)?;
    let service = build(&database)?;
    let bus: Arc<dyn Bus> = match bus {
        BusKind::Memory => Arc::new(memory.clone()),
        BusKind::Rabbitmq => Arc::new(RabbitMq::new(config.amqp_url.clone(), config.retention.history_days)?),
    };
    Ok(Member { service, database, bus, config })
}

/// Until all have ended. The first to end takes the others with it, each draining; the first error is the result.
async fn run_all(members: Vec<Member>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut running = JoinSet::new();
    for Member { service, database, bus, config } in members {
        let (name, shutdown) = (service.name, shutdown.clone());
        running.spawn(async move { service::run(service, database, bus, config, shutdown).await.context(name) });
    }
    let mut result = Ok(());
    while let Some(ended) = running.join_next().await {
        shutdown.cancel();
        result = result.and(ended.context("a service panicked").flatten());
    }
    result
}
