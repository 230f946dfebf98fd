//! The public API.

use axum::{Json, Router, extract::State, routing::get};
use contracts::CustomerId;
use jiff::Timestamp;
use messaging::database::Database;
use serde::Serialize;
use service::{http::extract::Path, problem::Problem};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::{
    account::{Entry, balance},
    store,
};

#[derive(OpenApi)]
#[openapi(info(title = "loyalty", description = "Accounts of status points."), paths(get_account))]
struct Api;

/// The routes, and what describes them.
pub fn api(database: Database) -> (Router, utoipa::openapi::OpenApi) {
    let routes = Router::new().route("/accounts/{customer_id}", get(get_account)).with_state(database);
    (routes, Api::openapi())
}

/// An account.
#[derive(Serialize, ToSchema)]
struct AccountView {
    customer_id: Uuid,
    /// The balance: the ledger's sum.
    points: i64,
    /// Oldest first.
    ledger: Vec<EntryView>,
}

/// A line of the ledger.
#[derive(Serialize, ToSchema)]
struct EntryView {
    /// Added, or taken if negative.
    points: i64,
    /// `joining` or `revocation`.
    reason: String,
    /// The event that it was booked for.
    event_id: Uuid,
    booked_at: Timestamp,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        let Entry { event_id, points, reason, booked_at } = entry;
        Self { points, reason, event_id, booked_at }
    }
}

/// A customer's points and where they come from.
#[utoipa::path(
    get, path = "/accounts/{customer_id}", params(("customer_id" = Uuid, Path, description = "The customer's id")),
    responses((status = 200, body = AccountView, description = "The account"), (status = 404, body = Problem, description = "No such account"))
)]
async fn get_account(
    State(database): State<Database>,
    Path(customer_id): Path<String>,
) -> Result<Json<AccountView>, Problem> {
    let unknown = || Problem::not_found("there is no account of this customer");
    let id = CustomerId(customer_id.parse().map_err(|_| unknown())?);
    let mut connection = database.pool.acquire().await?;
    let ledger = store::ledger(&mut connection, id).await?.ok_or_else(unknown)?;
    let points = balance(&ledger);
    Ok(Json(AccountView { customer_id: id.0, points, ledger: ledger.into_iter().map(EntryView::from).collect() }))
}
