//! The tasks of a service, started.

use std::{sync::Arc, time::Duration};

use axum::{Extension, Router as HttpRouter, middleware::from_fn_with_state};
use futures_util::FutureExt;
use messaging::{
    bus::{Bus, Topology},
    database::Database,
    health::{Condition, Health},
    metrics::collector::Collector,
    middleware::Limits,
    outbox::relay::Relay,
    parked::{dead_letters::DeadLetters, redrive::Redriver},
    retention::{Purge, Retention},
    router::{Router, RouterSettings},
    worker::{self, Task},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, info, warn};

use crate::{
    admin::{self, Admin},
    bearer::AdminToken,
    config::CommonConfig,
    health,
    http::{
        self,
        host::{self, AllowedHosts},
        public_url::{PublicUrl, below},
    },
    inbox_status,
    migrations::Tables,
    service::Service,
    supervise::Tasks,
};

/// Starts everything that `service` runs.
pub fn start(
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
    let mut launch = Launch {
        tasks: Tasks::new(),
        health: health.clone(),
        created: CancellationToken::new(),
        hosts: config.allowed_hosts.and(config.public_url.as_ref().and_then(PublicUrl::host)),
        shutdown: shutdown.clone(),
    };
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
        inbox_days: Retention::from(config.retention).inbox_days,
        shutdown: shutdown.clone(),
    };
    database.metrics.begin(&admin.topology.publishes, &admin.topology.reacts_to);
    launch.messaging(&admin, config);
    let metrics = database.metrics.clone();
    let requests = http::measure::register(&metrics.registry);
    let around = http::Surroundings {
        server: config.public_url.as_ref().map_or("/", PublicUrl::as_str).to_owned(),
        max_body: service.max_body,
        admission: http::Admission::new(config.database_connections),
        requests,
        service: Span::current(),
    };
    let admin_token = AdminToken::new(config.admin_token.as_ref());
    // Some of the public APIs show more to operators.
    let api = service.http.layer(Extension(admin_token.clone()));
    let path = config.public_url.as_ref().map_or("", PublicUrl::path);
    launch.serve("http", http, below(path, http::app(api, service.openapi, around)));
    let operations = health::routes(health.clone(), database.clone())
        .merge(inbox_status::routes(database.clone()))
        .merge(http::exposition::routes(metrics));
    let operations = http::limited(operations).merge(admin::routes(&admin, admin_token));
    launch.serve("operations", ops, http::answering_problems(operations));
    let collector = worker::run(Collector::new(database.clone(), health.clone()), health.clone(), shutdown.clone());
    launch.spawn("collector", collector.map(Ok));
    for (name, task) in service.tasks {
        launch.after_tables(name, task);
    }
    let tables = Tables { database, migrations: service.migrations, health, created: launch.created.clone() };
    let create = tables.create(shutdown.clone());
    launch.spawn("migrations", create.map(Ok));
    info!("started");
    launch.tasks
}

/// The tasks of a service while they are being started.
struct Launch {
    tasks: Tasks,
    health: Health,
    /// Cancelled when the tables are there. HTTP answers 503 until then; everything else waits.
    created: CancellationToken,
    /// What both servers answer to.
    hosts: AllowedHosts,
    shutdown: CancellationToken,
}

impl Launch {
    fn messaging(&mut self, parts: &Admin, config: &CommonConfig) {
        let health = &self.health.clone();
        let Admin { database, handlers, topology, settings, bus, .. } = parts.clone();
        let time_limit = Duration::from_hours(u64::from(config.parked_hours));
        let relay = Relay::new(database.clone(), bus.publisher(&topology), health);
        let redriver = Redriver::new(database.clone(), handlers.clone(), &settings.limits, time_limit);
        let dead_letters = DeadLetters::new(database.clone(), bus.subscriber(&topology), settings.settling);
        let purge = Purge::new(database.clone(), config.retention.into());
        let subscriber = bus.subscriber(&topology);
        let router = Router::new(database, topology, subscriber, handlers, health.clone(), settings);
        self.after_tables("relay", worker::task(relay));
        self.after_tables("redriver", worker::task(redriver));
        self.after_tables("dead letters", worker::task(dead_letters));
        self.after_tables("purge", worker::task(purge));
        self.after_tables("router", Box::new(|_, shutdown| Box::pin(router.run(shutdown))));
    }

    fn serve(&mut self, name: &'static str, listener: TcpListener, app: HttpRouter) {
        let app = app.layer(from_fn_with_state(self.hosts.clone(), host::check));
        let served = http::server::serve(listener, app, self.shutdown.clone());
        self.spawn(name, async { Ok(served.await?) });
    }

    fn after_tables(&mut self, name: &'static str, task: Task) {
        let (health, created, shutdown) = (self.health.clone(), self.created.clone(), self.shutdown.clone());
        self.spawn(name, async move {
            tokio::select! {
                () = created.cancelled() => task(health, shutdown).await,
                () = shutdown.cancelled() => {}
            }
            Ok(())
        });
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.tasks.spawn(async move { (name, task.await) }.in_current_span());
    }
}
