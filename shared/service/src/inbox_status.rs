//! `GET /inbox?ids=` on the operations port: what the service has done with messages, and nothing of what is in them.
//!
//! For those who follow flows and see that an answer is missing. Whoever asks knows the events' ids already, and learns no
//! more than states and classes of failures: no token is needed.

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
pub use messaging::inbox::status::MessageStatus;
use messaging::{database::Database, inbox::status};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{http::extract::Query, problem::Problem};

/// How many messages one question may be about.
pub const MAX_IDS: usize = 100;

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct StatusQuery {
    /// Ids of events, separated by commas, at most 100.
    #[param(pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(,[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}){0,99}$")]
    ids: String,
}

/// What the service has done with those messages that it ever took charge of.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct InboxStatus {
    /// In no order.
    pub messages: Vec<MessageStatus>,
}

/// `/inbox`.
pub fn routes(database: Database) -> Router {
    Router::new().route("/inbox", get(inbox_status)).with_state(database)
}

/// What this service has done with messages.
#[utoipa::path(
    get, path = "/inbox", params(StatusQuery),
    responses((status = 200, body = InboxStatus, description = "Of those it has ever taken charge of"))
)]
pub(crate) async fn inbox_status(
    State(database): State<Database>,
    Query(StatusQuery { ids }): Query<StatusQuery>,
) -> Result<Json<InboxStatus>, Problem> {
    let ids: Result<Vec<Uuid>, _> = ids.split(',').map(str::parse).collect();
    let wrong = || Problem::new(StatusCode::BAD_REQUEST, "ids are 1 to 100 UUIDs, separated by commas");
    let ids = ids.ok().filter(|ids| ids.len() <= MAX_IDS).ok_or_else(wrong)?;
    Ok(Json(InboxStatus { messages: status::of(&database, &ids).await? }))
}
