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

pub mod members;
mod settings;

use members::{MEMBERS, Member};
use settings::BusKind;
pub use settings::RunArgs;

/// Runs the fleet until SIGTERM or Ctrl-C; then every service finishes what is in flight.
pub fn run(args: RunArgs) -> ExitCode {
    let telemetry = args.telemetry().clone();
    service::run_process("fleet", &telemetry, |shutdown| async { run_all(ready(args)?, shutdown).await })
}

/// A service that is ready to run.
struct Ready {
    service: Service,
    database: Database,
    bus: Arc<dyn Bus>,
    config: CommonConfig,
}

fn ready(args: RunArgs) -> anyhow::Result<Vec<Ready>> {
    let (bus, own, memory) = (args.bus, args.own(), MemoryBus::new());
    let ready = |(member, config): (&Member, CommonConfig)| {
        let database = service::database(member.info.name, &config)?;
        let service = member.build(&database, &own)?;
        anyhow::Ok(Ready { service, database, bus: connect(bus, &memory, &config)?, config })
    };
    let members = MEMBERS.iter().zip(args.into_configs());
    members.map(|(member, config)| ready((member, config)).context(member.info.name)).collect()
}

/// Over RabbitMQ each service logs in as its own user; the bus in memory is one for all.
fn connect(bus: BusKind, memory: &MemoryBus, config: &CommonConfig) -> anyhow::Result<Arc<dyn Bus>> {
    Ok(match bus {
        BusKind::Memory => Arc::new(memory.clone()),
        BusKind::Rabbitmq => Arc::new(RabbitMq::new(config.amqp_url.clone(), config.retention.history_days)?),
    })
}

/// Until all have ended. The first to end takes the others with it, each draining; the first error is the result.
async fn run_all(ready: Vec<Ready>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut running = JoinSet::new();
    for Ready { service, database, bus, config } in ready {
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
