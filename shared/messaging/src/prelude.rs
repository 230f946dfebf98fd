//! The names that a service begins with.

pub use event::{Event, EventType};

pub use crate::{
    bus::{Topology, memory::MemoryBus, rabbitmq::RabbitMq},
    database::Database,
    failure::HandlerError,
    handler::{Handler, Handlers},
    outbox::relay::Relay,
    router::{Router, RouterSettings},
    unit_of_work::UnitOfWork,
};
