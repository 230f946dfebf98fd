//! The public API: flows, their stream, the fleet at a glance; and what the page needs of other services.

use axum::{Json, Router, routing::get};
use contracts::choreography::{self, Declaration};
use utoipa::OpenApi;

use crate::assets;

pub mod feed;
pub mod flows;
mod overview;
mod proxy;
mod shown;
mod state;
mod stream;

pub use state::AppState;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "flow_view",
        description = "Every flow: its events, its missing steps, how it stands. What its pages ask of other services goes through here as well, and is described by these."
    ),
    paths(flows::list, flows::count, flows::show, stream::stream, overview::overview, get_choreography)
)]
struct Api;

/// The routes, and what describes them.
pub fn api(view: AppState) -> (Router, utoipa::openapi::OpenApi) {
    let routes = Router::new()
        .route("/flows", get(flows::list))
        .route("/flows/count", get(flows::count))
        .route("/flows/stream", get(stream::stream))
        .route("/flows/{id}", get(flows::show))
        .route("/overview", get(overview::overview))
        .route("/choreography", get(get_choreography))
        .merge(proxy::routes())
        .merge(assets::routes())
        .with_state(view);
    (routes, Api::openapi())
}

/// The choreography, as it is declared.
#[utoipa::path(get, path = "/choreography", responses((status = 200, body = Value, description = "Events, reactions, services")))]
async fn get_choreography() -> Json<Declaration> {
    Json(choreography::declaration())
}
