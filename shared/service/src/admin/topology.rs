//! `/topology`: what this service has on the bus, for whoever compares it with the declared choreography. It is no secret
//! and asks for no token.

use axum::{Json, Router, extract::State, routing::get};
use event::EventType;
use messaging::bus::Topology;
use serde::Serialize;
use utoipa::ToSchema;

pub fn routes(topology: &Topology) -> Router {
    Router::new().route("/topology", get(show)).with_state(Registered::of(topology))
}

/// What a service publishes and has handlers for: what its program was built with.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Registered {
    service: &'static str,
    publishes: Vec<&'static str>,
    reacts_to: Vec<&'static str>,
}

impl Registered {
    fn of(Topology { service, publishes, reacts_to }: &Topology) -> Self {
        let names = |events: &[EventType]| events.iter().map(|event| event.name).collect();
        Self { service, publishes: names(publishes), reacts_to: names(reacts_to) }
    }
}

/// What this service publishes, and what it has handlers for.
#[utoipa::path(get, path = "/topology", responses((status = 200, body = Registered, description = "By the names of events")))]
pub(super) async fn show(State(registered): State<Registered>) -> Json<Registered> {
    Json(registered)
}
