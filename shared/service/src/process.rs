//! Start-up and shutdown: the same for every service.

use std::{io::Write, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Args;
use messaging::{
    bus::{Bus, rabbitmq::RabbitMq},
    clock::Clock,
    database::Database,
    retention::Retention,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info};

use crate::{
    config::{CommonConfig, Config},
    service::Service,
    start::start,
    supervise::supervise,
    telemetry::{Telemetry, TelemetryConfig, service_span},
};

/// What `main` of a service is: reads the settings, runs until SIGTERM or SIGINT, drains, flushes the last spans.
pub fn main<Own: Args>(
    name: &'static str,
    (http_port, operations_port): (u16, u16),
    build: impl FnOnce(&Database, &Own) -> anyhow::Result<Service>,
) -> ExitCode {
    let config = Config::<Own>::from_args(name, http_port, operations_port);
    run_process(name, &config.common.telemetry.clone(), |shutdown| async move {
        let bus = Arc::new(RabbitMq::new(config.common.amqp_url.clone(), config.common.retention.history_days)?);
        let database = database(name, &config.common)?;
        let service = build(&database, &config.own)?;
        run(service, database, bus, config.common, shutdown).await
    })
}

/// A service's connections to its schema.
pub fn database(name: &'static str, config: &CommonConfig) -> anyhow::Result<Database> {
    Database::new(&config.database_url, name, config.database_connections, Clock::System)
}

/// Runs `work` as the whole of a process: logs, runtime, signals, exit code.
pub fn run_process<W: Future<Output = anyhow::Result<()>>>(
    name: &'static str,
    telemetry: &TelemetryConfig,
    work: impl FnOnce(CancellationToken) -> W,
) -> ExitCode {
    let result = Telemetry::install(name, telemetry).and_then(|telemetry| {
        let runtime = tokio::runtime::Runtime::new()?;
        let shutdown = CancellationToken::new();
        let result = runtime.block_on(async {
            tokio::spawn(cancel_on_signal(shutdown.clone()));
            tokio::spawn(telemetry.dropped_lines().report(shutdown.clone()));
            work(shutdown).await
        });
        runtime.shutdown_timeout(Duration::from_millis(100));
        if let Err(error) = &result {
            error!(reason = format!("{error:#}"), "stopped");
        }
        telemetry.shutdown();
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not by `eprintln!`, which panics where nobody can be told.
            let _ = writeln!(std::io::stderr(), "{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn cancel_on_signal(shutdown: CancellationToken) {
    let (Ok(mut term), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        error!("signals can't be received: only SIGKILL stops this process");
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("shutting down: finishing what is in flight");
    shutdown.cancel();
}

/// Runs `service` until `shutdown`. No server that is unreachable ends it; a port that is taken does, and so does a task that
/// ends by itself.
pub async fn run(
    service: Service,
    database: Database,
    bus: Arc<dyn Bus>,
    config: CommonConfig,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let span = service_span(service.name);
    let work = async move {
        Retention::from(config.retention).check()?;
        let http =
            TcpListener::bind(config.http_addr).await.with_context(|| listening("HTTP_ADDR", config.http_addr))?;
        let ops = TcpListener::bind(config.ops_addr).await.with_context(|| listening("OPS_ADDR", config.ops_addr))?;
        let tasks = start(service, database, bus, &config, http, ops, &shutdown);
        supervise(tasks, shutdown).await
    };
    work.instrument(span).await
}

fn listening(setting: &str, addr: std::net::SocketAddr) -> String {
    format!("can't listen on {addr} ({setting})")
}
