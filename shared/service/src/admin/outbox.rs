//! `/admin/republish`: for a broker that has lost everything.

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use jiff::Timestamp;
use messaging::outbox::republish::{RepublishError, republish as republish_from};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::request::{Admin, OperatorHeader, OperatorParam, counted};
use crate::{http::extract::JsonBody, problem::Problem};

pub fn routes(admin: &Admin) -> Router {
    Router::new().route("/republish", post(republish)).with_state(admin.clone())
}

/// What is to be sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Republish {
    /// Events published at this time or later.
    from: Timestamp,
}

impl From<RepublishError> for Problem {
    fn from(error: RepublishError) -> Self {
        match error {
            RepublishError::Forgotten { .. } => Self::new(StatusCode::CONFLICT, error.to_string()),
            RepublishError::Database(error) => error.into(),
        }
    }
}

/// Send the retained events of this service again, under their ids, through the relay.
#[utoipa::path(
    post, path = "/admin/republish", params(OperatorParam), request_body = Republish, security(("token" = [])),
    responses((status = 200, body = Value, description = "`{\"republished\": 3}`"),
              (status = 409, body = Problem, description = "Inboxes may have forgotten some of them"))
)]
pub(super) async fn republish(
    State(Admin { database, inbox_days, .. }): State<Admin>,
    OperatorHeader(operator): OperatorHeader,
    JsonBody(Republish { from }): JsonBody<Republish>,
) -> Result<Json<Value>, Problem> {
    // In a task of its own: a caller that hangs up must not undo a minute of work.
    let work = tokio::spawn(async move { republish_from(&database, from, inbox_days, &operator).await });
    let republished = work.await.map_err(|_| Problem::internal("panicked"))??;
    Ok(counted("republished", republished))
}
