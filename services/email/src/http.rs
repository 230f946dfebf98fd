//! The public API.

use axum::{Json, Router, extract::State, routing::get};
use contracts::CustomerId;
use jiff::Timestamp;
use messaging::database::Database;
use serde::{Deserialize, Serialize};
use service::{
    http::extract::Query,
    problem::{FieldProblem, Problem},
};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::store::{self, Shown};

#[derive(OpenApi)]
#[openapi(info(title = "email", description = "What became of the mails to a customer."), paths(get_emails))]
struct Api;

/// The routes, and what describes them.
pub fn api(database: Database) -> (Router, utoipa::openapi::OpenApi) {
    (Router::new().route("/emails", get(get_emails)).with_state(database), Api::openapi())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Whose mails.
    #[param(value_type = Uuid, required = true)]
    customer_id: Option<String>,
}

/// The mails to a customer, oldest first.
#[derive(Serialize, ToSchema)]
struct EmailsView {
    emails: Vec<EmailView>,
}

/// A mail, without its text and whom it is to.
#[derive(Serialize, ToSchema)]
struct EmailView {
    id: Uuid,
    /// `welcome`.
    kind: &'static str,
    /// `queued`, `sent`, `refused`, `expired` or `cancelled`.
    state: String,
    /// How often the mail server was asked.
    attempts: i32,
    message_id: String,
    created_at: Timestamp,
    /// When it was sent, or given up.
    settled_at: Option<Timestamp>,
}

impl From<Shown> for EmailView {
    fn from(mail: Shown) -> Self {
        let Shown { id, state, attempts, message_id, created_at, settled_at } = mail;
        Self { id, kind: "welcome", state, attempts, message_id, created_at, settled_at }
    }
}

/// The mails to a customer.
#[utoipa::path(
    get, path = "/emails", params(Wanted),
    responses(
        (status = 200, body = EmailsView, description = "Empty if there is no such customer"),
        (status = 422, body = Problem, description = "No customer_id, or none that is an id"))
)]
async fn get_emails(
    State(database): State<Database>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<EmailsView>, Problem> {
    let id = wanted.customer_id.as_deref().and_then(|id| id.parse().ok()).ok_or_else(|| {
        Problem::fields(vec![FieldProblem { field: "customer_id".into(), detail: "must be a customer's id".into() }])
    })?;
    let mut connection = database.pool.acquire().await?;
    let mails = store::of_customer(&mut connection, CustomerId(id)).await?;
    Ok(Json(EmailsView { emails: mails.into_iter().map(EmailView::from).collect() }))
}
