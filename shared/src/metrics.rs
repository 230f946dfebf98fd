//! Metrics: what a service counts and measures, at `/metrics` of its operations port in the OpenMetrics format.
//!
//! Each service has a [`Registry`] of its own, so several can share a process. A metric is declared where it is
//! registered: name, labels, help. `docs/metrics.md` is made from what the services have registered. Names follow
//! Prometheus' rules (base units, the unit in the name, `_total`), which service it is says the scraper's `job`, and the
//! values of every label are few and known beforehand. Whoever counts does so after the commit or the confirm.

use sqlx::PgPool;

use crate::event::EventType;

mod encode;
mod http;
mod kinds;
mod messaging;
mod process;
mod registry;
pub mod sampler;
pub mod scrape;

pub use encode::routes;
pub(crate) use http::measure;
pub use kinds::{By, Counter, Gauge, Histogram};
pub use messaging::{Broker, Connection, Flow, Inbox, Outbox, Parked};
pub use registry::{Declaration, Kind, Registry};

/// Bounds of histograms of durations, in seconds: from a quick statement to what no request and no batch survives.
pub const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What every service has. A service registers its own with [`Metrics::registry`].
#[derive(Debug)]
pub struct Metrics {
    /// Where metrics are registered.
    pub registry: Registry,
    /// Requests to the public API.
    pub requests: By<Histogram, 3>,
    /// Events on their way out.
    pub outbox: Outbox,
    /// Messages that came in.
    pub inbox: Inbox,
    /// What could not be handled.
    pub parked: Parked,
    /// The connections to the broker.
    pub broker: Broker,
    /// Whole flows.
    pub flow: Flow,
    /// Whether the service is ready, as `/health/ready` says it.
    pub ready: Gauge,
    /// When the database was last asked for what is only there.
    pub sampled: Gauge,
}

impl Metrics {
    /// None counted yet; connections are those of `pool`.
    pub fn new(pool: &PgPool) -> Self {
        let registry = Registry::default();
        process::register(&registry);
        register_pool(&registry, pool.clone());
        Self {
            requests: registry.histograms(
                "http_server_request_duration_seconds",
                ["method", "route", "status"],
                SECONDS,
                "How long requests to the public API took. The route is the path's pattern, or `unmatched`",
            ),
            outbox: Outbox::new(&registry),
            inbox: Inbox::new(&registry),
            parked: Parked::new(&registry),
            broker: Broker::new(&registry),
            flow: Flow::new(&registry),
            ready: registry.gauge(
                "service_ready",
                "1 if the service is ready, as `/health/ready` says, else 0; looked at every second",
            ),
            sampled: registry.gauge(
                "sample_last_success_timestamp_seconds",
                "When all gauges that only the database knows were last read, in seconds since the epoch; every 5 s \
                 unless the database is away",
            ),
            registry,
        }
    }

    /// Begins to count, at zero, what a service will count that publishes and reacts to these events: a rate needs to
    /// know what was there before the first.
    pub fn begin(&self, publishes: &[EventType], reacts_to: &[EventType]) {
        for event in publishes {
            self.outbox.published.of([event.name]);
            self.flow.duration.of([event.name]);
        }
        for event in reacts_to {
            self.inbox.handled.of([event.name]);
            self.inbox.already_handled.of([event.name]);
            self.inbox.handler.of([event.name]);
        }
    }
}

fn register_pool(registry: &Registry, pool: PgPool) {
    let max = pool.options().get_max_connections();
    registry.gauge("database_connections_max", "How many connections to the database the service may have").set(max);
    registry.read(
        "database_connections",
        ["state"],
        "Connections to the database, by state: `used` or `idle`",
        move || {
            let (all, idle) = (f64::from(pool.size()), u32::try_from(pool.num_idle()).map_or(0.0, f64::from));
            vec![(["used"], (all - idle).max(0.0)), (["idle"], idle)]
        },
    );
}
