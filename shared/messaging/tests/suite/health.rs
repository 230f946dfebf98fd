//! When a service is not ready.

use messaging::{
    bus::{Bus, Topology, memory::MemoryBus},
    handler::Handlers,
    health::{Condition, Health},
    outbox::relay::Relay,
    router::Router,
    testing,
};

use messaging::testing::stage::database;

#[tokio::test]
async fn what_has_not_begun_to_run_is_down() {
    let (database, bus, health) = (database("reader").await, MemoryBus::new(), Health::default());
    let topology = Topology { service: "reader", publishes: Vec::new(), reacts_to: Vec::new() };
    let _relay = Relay::new(database.clone(), bus.publisher(&topology), &health);
    let subscriber = bus.subscriber(&topology);
    let _router = Router::new(database, topology, subscriber, Handlers::new(), health.clone(), testing::settings());
    for part in ["relay", "router"] {
        assert!(matches!(health.parts().get(part), Some(Condition::Down(_))), "{part}");
    }
}
