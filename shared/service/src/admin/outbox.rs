//! `/admin/republish`: for a broker that has lost everything.

use axum::{Json, Router, extract::State, routing::post};
use jiff::Timestamp;
use messaging::{database::Database, outbox::republish::republish as republish_from};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::request::{Admin, OperatorHeader, OperatorParam, counted};
use crate::{http::extract::JsonBody, problem::Problem};

pub fn routes(admin: &Admin) -> Router {
    Router::new().route("/republish", post(republish)).with_state(admin.database.clone())
}

/// What is to be sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Republish {
    /// Events published at this time or later.
    from: Timestamp,
}

/// Send the retained events of this service again, under their ids, through the relay.
#[utoipa::path(
    post, path = "/admin/republish", params(OperatorParam), request_body = Republish, security(("token" = [])),
    responses((status = 200, body = Value, description = "`{\"republished\": 3}`"))
)]
pub(super) async fn republish(
    State(database): State<Database>,
    OperatorHeader(operator): OperatorHeader,
    JsonBody(Republish { from }): JsonBody<Republish>,
) -> Result<Json<Value>, Problem> {
    // In a task of its own: a caller that hangs up must not undo a minute of work.
    let work = tokio::spawn(async move { republish_from(&database, from, &operator).await });
    let republished = work.await.map_err(|_| Problem::internal("panicked"))??;
    Ok(counted("republished", republished))
}
