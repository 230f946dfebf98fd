//! Start-up, the tasks of a service, and shutdown: the same for every service.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, anyhow};
use axum::Router as HttpRouter;
use clap::Args;
use event::EventType;
use futures_util::future::BoxFuture;
use messaging::{
    bus::{Bus, Topology, rabbitmq::RabbitMq},
    clock::Clock,
    database::Database,
    handler::Handlers,
    health::{Condition, Health},
    metrics::collector::Collector,
    middleware::Limits,
    outbox::relay::Relay,
    parked::{dead_letters::DeadLetters, redrive::Redriver},
    retention::{Purge, Retention},
    router::{Router, RouterSettings},
};
use sqlx::migrate::Migrator;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, error, info, warn};
use utoipa::openapi::OpenApi;

use crate::{
    admin::{self, Admin},
    config::{CommonConfig, Config},
    health, http, receipts,
    telemetry::{Telemetry, TelemetryConfig, service_span},
};

/// How long a shutdown may take.
const DRAIN: Duration = Duration::from_secs(10);

/// A task that runs beside relay and router, until the token is cancelled: a sender of mails, for one.
pub type Task = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>;

/// What makes a service this one and no other.
pub struct Service {
    /// Its name: schema, queue, user, `service` in logs.
    pub name: &'static str,
    /// The events that it owns.
    pub publishes: &'static [EventType],
    /// What it does with the events of others.
    pub handlers: Handlers,
    /// Its own tables.
    pub migrations: &'static Migrator,
    /// Its public API.
    pub http: HttpRouter,
    /// The API's description.
    pub openapi: OpenApi,
    /// What else it runs.
    pub tasks: Vec<(&'static str, Task)>,
}

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
            eprintln!("{name}: {error:#}");
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

type Tasks = JoinSet<(&'static str, anyhow::Result<()>)>;

fn start(
    service: Service,
    database: Database,
    bus: Arc<dyn Bus>,
    config: &CommonConfig,
    http: TcpListener,
    ops: TcpListener,
    shutdown: &CancellationToken,
) -> Tasks {
    let health = Health::default();
    health.set("tables", Condition::Down("not up to date yet".into()));
    let mut launch = Launch { tasks: Tasks::new(), created: CancellationToken::new(), shutdown: shutdown.clone() };
    if let Some(faults) = config.inject_faults {
        warn!(?faults, "faults are injected: handlings fail or take longer on purpose");
    }
    let handlers = match config.inject_faults {
        Some(faults) => service.handlers.layer(faults),
        None => service.handlers,
    };
    let (publishes, reacts_to) = (service.publishes.to_vec(), handlers.event_types());
    let limits = Limits { messages_per_second: config.messages_per_second, ..Limits::default() };
    let admin = Admin {
        database: database.clone(),
        handlers,
        topology: Topology { service: service.name, publishes, reacts_to },
        settings: RouterSettings {
            limits,
            settling: bus.settling(),
            mute_catch_up: config.mute_catch_up,
            ..RouterSettings::default()
        },
        bus,
        shutdown: shutdown.clone(),
    };
    database.metrics.begin(&admin.topology.publishes, &admin.topology.reacts_to);
    launch.messaging(&admin, config, &health);
    let metrics = database.metrics.clone();
    let requests = http::measure::register(&metrics.registry);
    launch.serve("http", http, http::app(service.http, service.openapi, requests, Span::current()));
    let operations = health::routes(health.clone(), database.clone())
        .merge(receipts::routes(database.clone()))
        .merge(http::exposition::routes(metrics))
        .merge(admin::routes(&admin, config.admin_token.clone()));
    launch.serve("operations", ops, operations);
    let (collector, stop) = (Collector::new(database.clone(), health.clone()), shutdown.clone());
    launch.spawn("collector", async {
        collector.run(stop).await;
        Ok(())
    });
    for (name, task) in service.tasks {
        launch.after_tables(name, task);
    }
    let tables = Tables { database, migrations: service.migrations, health, created: launch.created.clone() };
    let create = tables.create(shutdown.clone());
    launch.spawn("migrations", async {
        create.await;
        Ok(())
    });
    info!("started");
    launch.tasks
}

/// The tasks of a service while they are being started.
struct Launch {
    tasks: Tasks,
    /// Cancelled when the tables are there. HTTP answers 503 until then; everything else waits.
    created: CancellationToken,
    shutdown: CancellationToken,
}

impl Launch {
    fn messaging(&mut self, parts: &Admin, config: &CommonConfig, health: &Health) {
        let Admin { database, handlers, topology, settings, bus, .. } = parts.clone();
        let time_limit = Duration::from_hours(u64::from(config.parked_hours));
        let relay = Relay::new(database.clone(), bus.publisher(&topology), health.clone());
        let redriver = Redriver::new(database.clone(), handlers.clone(), &settings.limits, time_limit);
        let dead_letters = DeadLetters::new(database.clone(), bus.subscriber(&topology));
        let purge = Purge::new(database.clone(), config.retention.into());
        let subscriber = bus.subscriber(&topology);
        let router = Router::new(database, topology, subscriber, handlers, health.clone(), settings);
        self.after_tables("relay", Box::new(|shutdown| Box::pin(relay.run(shutdown))));
        self.after_tables("redriver", Box::new(|shutdown| Box::pin(redriver.run(shutdown))));
        self.after_tables("dead letters", Box::new(|shutdown| Box::pin(dead_letters.run(shutdown))));
        self.after_tables("purge", Box::new(|shutdown| Box::pin(purge.run(shutdown))));
        self.after_tables("router", Box::new(|shutdown| Box::pin(router.run(shutdown))));
    }

    fn serve(&mut self, name: &'static str, listener: TcpListener, app: HttpRouter) {
        let served = http::serve(listener, app, self.shutdown.clone());
        self.spawn(name, async { Ok(served.await?) });
    }

    fn after_tables(&mut self, name: &'static str, task: Task) {
        let (created, shutdown) = (self.created.clone(), self.shutdown.clone());
        self.spawn(name, async move {
            tokio::select! {
                () = created.cancelled() => task(shutdown).await,
                () = shutdown.cancelled() => {}
            }
            Ok(())
        });
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.tasks.spawn(async move { (name, task.await) }.in_current_span());
    }
}

struct Tables {
    database: Database,
    migrations: &'static Migrator,
    health: Health,
    created: CancellationToken,
}

impl Tables {
    /// Brings the schema up to date, however long the database is unreachable. Then stays until `shutdown`.
    async fn create(self, shutdown: CancellationToken) {
        while let Err(error) = self.database.migrate(self.migrations).await {
            if self.health.set("tables", Condition::Down("the migrations failed or the database is unreachable".into()))
            {
                warn!(reason = format!("{error:#}"), "can't bring the tables up to date: trying again until it works");
            }
            let rest = Duration::from_millis(fastrand::u64(300..700));
            if tokio::time::timeout(rest, shutdown.cancelled()).await.is_ok() {
                return;
            }
        }
        self.health.set("tables", Condition::Up);
        self.created.cancel();
        shutdown.cancelled().await;
    }
}

/// Waits for the end: of all tasks after `shutdown`, or of one that should not have ended.
async fn supervise(mut tasks: Tasks, shutdown: CancellationToken) -> anyhow::Result<()> {
    let early = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        ended = tasks.join_next() => match ended {
            Some(Ok((_, Ok(())))) if shutdown.is_cancelled() => Ok(()),
            Some(Ok((name, Ok(())))) => Err(anyhow!("the task {name} ended by itself")),
            Some(Ok((name, Err(error)))) => Err(error.context(format!("the task {name} failed"))),
            Some(Err(_)) => Err(anyhow!("a task panicked")),
            None => Ok(()),
        },
    };
    shutdown.cancel();
    let drained = tokio::time::timeout(DRAIN, async { while tasks.join_next().await.is_some() {} }).await;
    early?;
    drained.map_err(|_| anyhow!("not everything could be finished within {DRAIN:?}"))?;
    info!("stopped");
    Ok(())
}
