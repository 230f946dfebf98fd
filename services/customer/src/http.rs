//! The public API.

use axum::{
    Json, Router,
    extract::{FromRef, Path, State},
    http::{HeaderMap, HeaderName, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use contracts::CustomerId;
use jiff::Timestamp;
use messaging::database::Database;
use serde::{Deserialize, Serialize};
use service::problem::{Problem, fields::FieldParser};
use tracing::Span;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::{
    client::{Client, Networks},
    config::CustomerConfig,
    customer::Customer,
    idempotency::IdempotencyKey,
    limits::{Limits, TooMany},
    register::{Accepted, Registration, register},
    store,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "customer", description = "Registers customers and decides when they are onboarded."),
    paths(post_customer, get_customer),
    components(schemas(NewCustomer))
)]
struct Api;

/// What requests share.
#[derive(Clone, FromRef)]
struct ApiState {
    database: Database,
    limits: Limits,
    networks: Networks,
}

/// The routes, and what describes them.
pub fn api(database: Database, config: &CustomerConfig) -> (Router, utoipa::openapi::OpenApi) {
    let routes = Router::new()
        .route("/customers", post(post_customer))
        .route("/customers/{id}", get(get_customer))
        .with_state(ApiState { database, limits: Limits::new(config), networks: Networks::new(config) });
    (routes, Api::openapi())
}

/// A registration.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "email": "ada@example.com", "name": "Ada Lovelace" }))]
#[expect(dead_code, reason = "describes the body; `Registration::parse` reads it, to name every bad field at once")]
struct NewCustomer {
    /// An address with a domain, ASCII before the @, at most 254 characters; unique without regard to case. A domain in another
    /// script is kept as its A-labels (IDNA).
    email: String,
    /// 1 to 200 characters, no control characters, nothing that looks like an internet address.
    name: String,
}

/// A customer.
#[derive(Serialize, ToSchema)]
struct CustomerView {
    id: Uuid,
    email: String,
    name: String,
    /// `registered`, `onboarded` or `deactivated`.
    status: &'static str,
    registered_at: Timestamp,
    onboarding: OnboardingView,
}

/// How far the onboarding is.
#[derive(Serialize, ToSchema)]
struct OnboardingView {
    /// `pending`, `sent` or `failed`.
    welcome_email: &'static str,
    status_points: PointsView,
    onboarded_at: Option<Timestamp>,
}

/// The balance, or `pending`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum PointsView {
    Booked(i64),
    Pending(&'static str),
}

impl From<&Customer> for CustomerView {
    fn from(customer: &Customer) -> Self {
        let gate = customer.gate;
        Self {
            id: customer.id.0,
            email: customer.email.expose().to_owned(),
            name: customer.name.expose().to_owned(),
            status: gate.status.as_str(),
            registered_at: customer.registered_at,
            onboarding: OnboardingView {
                welcome_email: gate.welcome_email.as_str(),
                status_points: gate.status_points.map_or(PointsView::Pending("pending"), PointsView::Booked),
                onboarded_at: customer.onboarded_at,
            },
        }
    }
}

/// Register a customer.
///
/// With an `Idempotency-Key` (1 to 255 visible ASCII characters, kept for 24 hours) a repeated request answers the first
/// 201 again, and the same key with another body is a 422.
#[utoipa::path(
    post, path = "/customers", request_body = NewCustomer,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition harmless")),
    responses(
        (status = 201, body = CustomerView, headers(
            ("location" = String, description = "The customer's path"),
            ("x-event-id" = String, description = "The id of customer_created, and of the flow"),
            ("x-trace-id" = String, description = "The flow's trace"))),
        (status = 400, body = Problem, description = "No JSON, or a bad Idempotency-Key"),
        (status = 409, body = Problem, description = "The address is taken"),
        (status = 413, body = Problem, description = "Over 64 KiB"),
        (status = 415, body = Problem, description = "Not application/json"),
        (status = 422, body = Problem, description = "Names every bad field; or the key was used for another body"),
        (status = 429, body = Problem, description = "Too many registrations of this client, or to this recipient", headers(
            ("retry-after" = u32, description = "In how many seconds there may be another"))),
    )
)]
async fn post_customer(
    State(database): State<Database>,
    State(limits): State<Limits>,
    Client(client): Client,
    headers: HeaderMap,
    fields: FieldParser,
) -> Result<Response, Problem> {
    let key = IdempotencyKey::from_headers(&headers)?;
    let registration = Registration::parse(fields)?;
    if let Some(client) = client {
        limits.client(client, database.clock.now()).map_err(TooMany::of_this_client)?;
    }
    let trace_id = event::trace_id(&Span::current());
    Ok(created(&register(&database, &limits, registration, key, trace_id).await?))
}

fn created(accepted: &Accepted) -> Response {
    let headers = [
        (LOCATION, format!("/customers/{}", accepted.customer.id)),
        (HeaderName::from_static("x-event-id"), accepted.event_id.to_string()),
        (HeaderName::from_static("x-trace-id"), accepted.trace_id.clone()),
    ];
    (StatusCode::CREATED, headers, Json(CustomerView::from(&accepted.customer))).into_response()
}

/// A customer and how far the onboarding is.
#[utoipa::path(
    get, path = "/customers/{id}", params(("id" = Uuid, Path, description = "The customer's id")),
    responses((status = 200, body = CustomerView), (status = 404, body = Problem, description = "No such customer"))
)]
async fn get_customer(State(database): State<Database>, Path(id): Path<String>) -> Result<Json<CustomerView>, Problem> {
    let unknown = || Problem::not_found("there is no customer with this id");
    let id = CustomerId(id.parse().map_err(|_| unknown())?);
    let mut connection = database.pool.acquire().await?;
    let customer = store::find(&mut connection, id).await?.ok_or_else(unknown)?;
    Ok(Json(CustomerView::from(&customer)))
}
