//! The public API.

use axum::{
    Extension, Json, Router,
    extract::{FromRef, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, LOCATION, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
};
use contracts::CustomerId;
use jiff::Timestamp;
use messaging::database::Database;
use serde::{Deserialize, Serialize};
use service::{
    bearer::{AdminToken, Bearer},
    http::{description::BearerScheme, extract::Path},
    problem::{Problem, fields::FieldParser},
};
use tracing::Span;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::{
    access::AccessKeys,
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
    components(schemas(NewCustomer)),
    modifiers(&BearerScheme)
)]
struct Api;

/// What requests share.
#[derive(Clone, FromRef)]
struct ApiState {
    database: Database,
    keys: AccessKeys,
    limits: Limits,
    networks: Networks,
}

/// The routes, and what describes them. Fails if a setting is wrong.
pub fn api(database: Database, config: &CustomerConfig) -> anyhow::Result<(Router, utoipa::openapi::OpenApi)> {
    let keys = config.access_keys()?;
    let routes = Router::new()
        .route("/customers", post(post_customer))
        .route("/customers/{id}", get(get_customer))
        .with_state(ApiState { database, keys, limits: Limits::new(config), networks: Networks::new(config) });
    Ok((routes, Api::openapi()))
}

/// A registration.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ada@example.com", "name": "Ada Lovelace" }))]
#[expect(dead_code, reason = "describes the body; `Registration::parse` reads it, to name every bad field at once")]
struct NewCustomer {
    // For readers whose regular expressions know no classes of Unicode: what most addresses and names are made of.
    /// An address with a domain, ASCII before the @, at most 254 characters; unique without regard to case. A domain in another
    /// script is kept as its A-labels (IDNA).
    #[schema(
        min_length = 3,
        max_length = 254,
        pattern = "^[A-Za-z0-9_+-]+([.][A-Za-z0-9_+-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?[.])+[A-Za-z]{2,63}$"
    )]
    email: String,
    /// 1 to 200 characters, at least one to be seen, none a control character or one that turns the direction of text, nothing
    /// that looks like an internet address.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[0-9A-Za-z\\u00c0-\\u024f' -]*[0-9A-Za-z\\u00c0-\\u024f][0-9A-Za-z\\u00c0-\\u024f' -]*$"
    )]
    name: String,
}

/// A customer that was registered.
#[derive(Serialize, ToSchema)]
struct RegisteredView {
    #[serde(flatten)]
    customer: CustomerView,
    /// The token that shows `email` and `name` of this customer again: `Authorization: Bearer …`.
    access_token: String,
}

/// A customer.
#[derive(Serialize, ToSchema)]
struct CustomerView {
    id: Uuid,
    /// Only for who bears the `access_token` of the registration, or the operators' token; absent else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    email: Option<String>,
    /// As `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
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

impl CustomerView {
    /// With name and address if they are to be `shown`.
    fn new(customer: &Customer, shown: bool) -> Self {
        let gate = customer.gate;
        Self {
            id: customer.id.0,
            email: shown.then(|| customer.email.expose().to_owned()),
            name: shown.then(|| customer.name.expose().to_owned()),
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
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition harmless", min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    responses(
        (status = 201, body = RegisteredView, description = "The customer is registered", headers(
            ("location" = String, description = "The customer's path"),
            ("x-event-id" = String, description = "The id of customer_created, and of the flow"),
            ("x-trace-id" = String, description = "The flow's trace"))),
        (status = 400, body = Problem, description = "No JSON, or a bad Idempotency-Key"),
        (status = 409, body = Problem, description = "The address is taken"),
        (status = 422, body = Problem, description = "Names every bad field; or the key was used for another body"),
        (status = 429, body = Problem, description = "Too many registrations of this client, or to this recipient", headers(
            ("retry-after" = u32, description = "In how many seconds there may be another"))),
    )
)]
async fn post_customer(
    State(database): State<Database>,
    State(keys): State<AccessKeys>,
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
    let accepted = register(&database, &limits, registration, key, trace_id).await?;
    Ok(created(&accepted, keys.token(accepted.customer.id)))
}

fn created(accepted: &Accepted, access_token: String) -> Response {
    let headers = [
        (LOCATION, format!("/customers/{}", accepted.customer.id)),
        (HeaderName::from_static("x-event-id"), accepted.event_id.to_string()),
        (HeaderName::from_static("x-trace-id"), accepted.trace_id.clone()),
    ];
    let customer = CustomerView::new(&accepted.customer, true);
    (StatusCode::CREATED, headers, NOT_KEPT, Json(RegisteredView { customer, access_token })).into_response()
}

/// No cache keeps a name, or a token.
const NOT_KEPT: [(HeaderName, HeaderValue); 1] = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// A customer and how far the onboarding is.
///
/// Open to whoever knows the id, but for `email` and `name`: they are there for who bears the `access_token` of the
/// registration, or the operators' token. A token that is neither is a 401.
#[utoipa::path(
    get, path = "/customers/{id}", params(("id" = Uuid, Path, description = "The customer's id")),
    security((), ("token" = [])),
    responses(
        (status = 200, body = CustomerView, description = "The customer, as far as it is shown to who asks"),
        (status = 404, body = Problem, description = "No such customer"))
)]
async fn get_customer(
    State(database): State<Database>,
    State(keys): State<AccessKeys>,
    admin: Option<Extension<Option<AdminToken>>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("there is no customer with this id");
    let id = CustomerId(id.parse().map_err(|_| unknown())?);
    let admin = admin.and_then(|Extension(token)| token);
    let shown = match Bearer::of(&headers) {
        Bearer::Nothing => false,
        Bearer::Token(token) if keys.admit(token, id) || admin.is_some_and(|admin| admin.is(token)) => true,
        _ => return Ok(refused()),
    };
    let mut connection = database.pool.acquire().await?;
    let customer = store::find(&mut connection, id).await?.ok_or_else(unknown)?;
    Ok((NOT_KEPT, Json(CustomerView::new(&customer, shown))).into_response())
}

/// RFC 6750, section 3.1.
fn refused() -> Response {
    let detail = "this is neither this customer's access_token nor the operators' token: without one, all but name and \
                  address is shown";
    let challenge = [(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
    (challenge, Problem::new(StatusCode::UNAUTHORIZED, detail)).into_response()
}
