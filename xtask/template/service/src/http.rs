//! The public API.

use axum::{Json, Router, extract::State, routing::get};
use contracts::CustomerId;
use jiff::Timestamp;
use messaging::database::Database;
use serde::Serialize;
use service::{http::extract::Path, problem::Problem};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::store;

#[derive(OpenApi)]
#[openapi(info(title = "template_service", description = "Records of customers."), paths(get_record))]
struct Api;

/// The routes, and what describes them.
pub fn api(database: Database) -> (Router, utoipa::openapi::OpenApi) {
    let routes = Router::new().route("/records/{customer_id}", get(get_record)).with_state(database);
    (routes, Api::openapi())
}

/// A record.
#[derive(Serialize, ToSchema)]
struct RecordView {
    customer_id: Uuid,
    recorded_at: Timestamp,
}

/// What is recorded of a customer.
#[utoipa::path(
    get, path = "/records/{customer_id}", params(("customer_id" = Uuid, Path, description = "The customer's id")),
    responses((status = 200, body = RecordView, description = "The record"), (status = 404, body = Problem, description = "No such record"))
)]
async fn get_record(
    State(database): State<Database>,
    Path(customer_id): Path<String>,
) -> Result<Json<RecordView>, Problem> {
    let unknown = || Problem::not_found("there is no record of this customer");
    let id = CustomerId(customer_id.parse().map_err(|_| unknown())?);
    let mut connection = database.pool.acquire().await?;
    let recorded_at = store::recorded_at(&mut connection, id).await?.ok_or_else(unknown)?;
    Ok(Json(RecordView { customer_id: id.0, recorded_at }))
}
