//! What messaging counts and measures. Whoever counts does so after the commit or the confirm.

use event::EventType;
use metrics::{Gauge, Registry, register_process};
use sqlx::PgPool;

pub mod collector;
mod instruments;

use instruments::KnownTypes;
pub use instruments::{Broker, Connection, Flow, Inbox, Outbox, Parked};

/// What every service has. A service registers its own with [`Metrics::registry`].
#[derive(Debug)]
pub struct Metrics {
    /// Where metrics are registered.
    pub registry: Registry,
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
    types: KnownTypes,
}

impl Metrics {
    /// None counted yet; connections are those of `pools`.
    pub fn new(pools: [&PgPool; 2]) -> Self {
        let (registry, types) = (Registry::default(), KnownTypes::default());
        register_process(&registry);
        register_pools(&registry, pools.map(Clone::clone));
        Self {
            outbox: Outbox::new(&registry, &types),
            inbox: Inbox::new(&registry, &types),
            parked: Parked::new(&registry),
            broker: Broker::new(&registry),
            flow: Flow::new(&registry, &types),
            ready: registry.gauge(
                "service_ready",
                "1 if the service is ready, as `/health/ready` says, else 0; looked at every second",
            ),
            sampled: registry.gauge(
                "sample_last_success_timestamp_seconds",
                "When all gauges that only the database knows were last read, in seconds since the epoch; every 5 s \
                 unless the database is unreachable",
            ),
            types,
            registry,
        }
    }

    /// Begins to count, at zero, what a service will count that publishes and reacts to these events: a rate needs to
    /// know what was there before the first.
    pub fn begin(&self, publishes: &[EventType], reacts_to: &[EventType]) {
        self.types.set(publishes.iter().chain(reacts_to).map(|event| event.name).collect());
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

fn register_pools(registry: &Registry, pools: [PgPool; 2]) {
    let max = pools.iter().map(|pool| pool.options().get_max_connections()).sum::<u32>();
    registry.gauge("database_connections_max", "How many connections to the database the service may have").set(max);
    registry.read(
        "database_connections",
        ["state"],
        "Connections to the database, by state: `used` or `idle`",
        move || {
            let all = pools.iter().map(|pool| f64::from(pool.size())).sum::<f64>();
            let idle = pools.iter().map(|pool| u32::try_from(pool.num_idle()).map_or(0.0, f64::from)).sum::<f64>();
            vec![(["used"], (all - idle).max(0.0)), (["idle"], idle)]
        },
    );
}
