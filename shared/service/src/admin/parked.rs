//! `/admin/parked`: parked messages.

use anyhow::{anyhow, ensure};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{get, post, put},
};
use messaging::{
    audit::Operator,
    parked::operations::{Bulk, Change, Filter, ParkedOperations, Record, Refusal, State as Parked, Summary},
    worker::TurnFailed,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    progress::{self, Teller},
    request::{Admin, OperatorHeader, OperatorParam, message_id},
};
use crate::{
    http::extract::{JsonBody, Path, Query},
    problem::Problem,
};

/// How many messages a page has, unless more or fewer are asked for.
const PAGE: u16 = 50;
const MAX_PAGE: u16 = 500;
const WRONG_STATE: &str = "It is resolved already, or waits behind another";

pub fn routes(admin: &Admin) -> Router {
    let parked = ParkedOperations::new(admin.database.clone(), admin.handlers.clone());
    let all = Router::new()
        .route("/parked/retry", post(retry_all))
        .route("/parked/discard", post(discard_all))
        .with_state(Desk { parked: parked.clone(), shutdown: admin.shutdown.clone() });
    Router::new()
        .route("/parked", get(list))
        .route("/parked/{event_id}", get(show))
        .route("/parked/{event_id}/retry", post(retry))
        .route("/parked/{event_id}/event", put(edit))
        .route("/parked/{event_id}/discard", post(discard))
        .with_state(parked)
        .merge(all)
}

/// Which page of which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// In this state; without it, all that are neither done nor discarded.
    #[param(inline)]
    state: Option<Parked>,
    /// Of this event type.
    #[param(pattern = "^[^\\u0000]*$")]
    event_type: Option<String>,
    /// About this subject.
    subject: Option<Uuid>,
    /// `next_cursor` of the page before.
    cursor: Option<i64>,
    /// At most so many, up to 500.
    #[param(maximum = 65535)]
    limit: Option<u16>,
}

/// Which messages; without a state, all that are neither done nor discarded.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// In this state.
    #[param(inline)]
    state: Option<Parked>,
    /// Of this event type.
    #[param(pattern = "^[^\\u0000]*$")]
    event_type: Option<String>,
    /// About this subject.
    subject: Option<Uuid>,
}

/// A page of parked messages, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page {
    items: Vec<Summary>,
    /// Asks for the next page; null on the last.
    next_cursor: Option<String>,
}

/// Why a message is given up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Discard {
    /// 1 to 500 characters; kept in the audit trail.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000][^\\u0000]*$"
    )]
    reason: String,
}

impl Discard {
    fn reason(&self) -> Result<String, Problem> {
        let reason = self.reason.trim();
        let tells = reason.chars().any(|character| !character.is_whitespace() && !character.is_control());
        if !tells || self.reason.chars().count() > 500 || reason.contains('\0') {
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "say why the message is given up");
            return Err(problem.with_field("reason", "is 1 to 500 characters"));
        }
        Ok(reason.to_owned())
    }
}

/// What the same is done to many messages with.
#[derive(Clone)]
pub(super) struct Desk {
    parked: ParkedOperations,
    shutdown: CancellationToken,
}

impl Desk {
    /// Does the first step before it answers: who is refused gets a status, not a line.
    async fn run(self, selection: Selection, change: Change, operator: &Operator) -> Result<Response, Problem> {
        let Selection { state, event_type, subject } = selection;
        let filter = storable(Filter { state, event_type, subject })?;
        let mut bulk = self.parked.bulk(filter, change, operator);
        let more = bulk.step().await?;
        Ok(progress::answer(|teller| go_on(bulk, more, self.shutdown, teller)))
    }
}

async fn go_on(
    mut bulk: Bulk,
    mut more: bool,
    shutdown: CancellationToken,
    mut teller: Teller,
) -> anyhow::Result<Value> {
    while more {
        ensure!(!shutdown.is_cancelled(), "the service stops: ask again for the rest");
        ensure!(teller.tell(changed(&bulk)).await, "nobody listens any more");
        more = bulk.step().await.map_err(|error| anyhow!(TurnFailed::from(error)))?;
    }
    Ok(changed(&bulk))
}

fn changed(bulk: &Bulk) -> Value {
    json!({ bulk.change.done_is(): bulk.changed })
}

/// A filter that the database can be asked with: it knows no NUL in a text.
fn storable(filter: Filter) -> Result<Filter, Problem> {
    if filter.event_type.as_ref().is_some_and(|name| name.contains('\0')) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "event_type is the name of an exchange"));
    }
    Ok(filter)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Unknown => Self::not_found(detail),
            Refusal::Resolved(_) | Refusal::Behind(_) => Self::new(StatusCode::CONFLICT, detail),
            Refusal::NotThisEvent(errors) => Self::fields(errors.into_iter().map(Into::into).collect()),
            Refusal::Database(error) => error.into(),
        }
    }
}

/// Messages that could not be handled, newest first.
#[utoipa::path(
    get, path = "/admin/parked", params(Listing), security(("token" = [])),
    responses((status = 200, body = Page, description = "A page of them"))
)]
pub(super) async fn list(
    State(parked): State<ParkedOperations>,
    Query(Listing { state, event_type, subject, cursor, limit }): Query<Listing>,
) -> Result<Json<Page>, Problem> {
    let limit = limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
    // One more than a page shows whether there is another.
    let filter = storable(Filter { state, event_type, subject })?;
    let mut items = parked.list(&filter, cursor, i64::from(limit) + 1).await?;
    let more = items.len() > usize::from(limit);
    items.truncate(limit.into());
    let next_cursor = items.last().filter(|_| more).map(|last| last.seq.to_string());
    Ok(Json(Page { items, next_cursor }))
}

/// A message with its event, its attempts and what operators did about it.
#[utoipa::path(
    get, path = "/admin/parked/{event_id}", params(("event_id" = Uuid, Path)), security(("token" = [])),
    responses((status = 200, body = Record, description = "All that is known of it"))
)]
pub(super) async fn show(State(parked): State<ParkedOperations>, id: Path<String>) -> Result<Json<Record>, Problem> {
    Ok(Json(parked.show(message_id(id)?).await?))
}

/// Try a message again now, in this service only; what waits behind it follows.
#[utoipa::path(
    post, path = "/admin/parked/{event_id}/retry", params(("event_id" = Uuid, Path), OperatorParam),
    security(("token" = [])),
    responses((status = 202, body = Summary, description = "It is tried again"), (status = 409, body = Problem, description = WRONG_STATE))
)]
pub(super) async fn retry(
    State(parked): State<ParkedOperations>,
    OperatorHeader(operator): OperatorHeader,
    id: Path<String>,
) -> Result<(StatusCode, Json<Summary>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(parked.retry(message_id(id)?, &operator).await?)))
}

/// Try all that the filters select again now. Those that wait behind another follow by themselves.
///
/// Answers one JSON object a line (`application/x-ndjson`): the progress, at last with `"done": true`, or with `error`.
/// It ends when the caller hangs up.
#[utoipa::path(
    post, path = "/admin/parked/retry", params(Selection, OperatorParam), security(("token" = [])),
    responses((status = 200, body = String, description = "`{\"retried\": 3, \"done\": true}`", content_type = "application/x-ndjson"))
)]
pub(super) async fn retry_all(
    State(bulk): State<Desk>,
    OperatorHeader(operator): OperatorHeader,
    Query(selection): Query<Selection>,
) -> Result<Response, Problem> {
    bulk.run(selection, Change::Retry, &operator).await
}

/// Give up all that the filters select, for one reason. What arrives meanwhile, and what is being tried just now, is left.
///
/// Answers as the retry of all does.
#[utoipa::path(
    post, path = "/admin/parked/discard", params(Selection, OperatorParam), request_body = Discard, security(("token" = [])),
    responses((status = 200, body = String, description = "`{\"discarded\": 3, \"done\": true}`", content_type = "application/x-ndjson"))
)]
pub(super) async fn discard_all(
    State(bulk): State<Desk>,
    OperatorHeader(operator): OperatorHeader,
    Query(selection): Query<Selection>,
    JsonBody(discard): JsonBody<Discard>,
) -> Result<Response, Problem> {
    let reason = discard.reason()?;
    bulk.run(selection, Change::Discard { reason }, &operator).await
}

/// Put a corrected event in the place of this one: the same id, type and subject. The original is kept. Retry it then.
#[utoipa::path(
    put, path = "/admin/parked/{event_id}/event", params(("event_id" = Uuid, Path), OperatorParam),
    security(("token" = [])),
    request_body(content = Value, content_type = "application/json", description = "The whole event, as a CloudEvent"),
    responses((status = 200, body = Summary, description = "It is corrected"), (status = 409, body = Problem, description = WRONG_STATE))
)]
pub(super) async fn edit(
    State(parked): State<ParkedOperations>,
    OperatorHeader(operator): OperatorHeader,
    id: Path<String>,
    body: Bytes,
) -> Result<Json<Summary>, Problem> {
    if body.len() > event::MAX_SIZE {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "an event has at most 256 KiB"));
    }
    Ok(Json(parked.edit(message_id(id)?, body.to_vec(), &operator).await?))
}

/// Give a message up; what waits behind it follows.
#[utoipa::path(
    post, path = "/admin/parked/{event_id}/discard", params(("event_id" = Uuid, Path), OperatorParam),
    request_body = Discard, security(("token" = [])),
    responses((status = 200, body = Summary, description = "It is given up"), (status = 409, body = Problem, description = WRONG_STATE))
)]
pub(super) async fn discard(
    State(parked): State<ParkedOperations>,
    OperatorHeader(operator): OperatorHeader,
    id: Path<String>,
    JsonBody(discard): JsonBody<Discard>,
) -> Result<Json<Summary>, Problem> {
    let id = message_id(id)?;
    let reason = discard.reason()?;
    Ok(Json(parked.discard(id, &reason, &operator).await?))
}
