//! `/admin/replay`: reads a history again; the answer grows with the progress.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::post};
use event::EventType;
use jiff::Timestamp;
use messaging::{
    history::replay::{Plan, Replay, ReplayError},
    router::Dispatcher,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::{
    progress::{self, Teller},
    request::{Admin, OperatorHeader, OperatorParam},
};
use crate::{
    http::extract::JsonBody,
    problem::{FieldProblem, Problem},
};

pub fn routes(admin: &Admin) -> Router {
    Router::new().route("/replay", post(replay)).with_state(admin.clone())
}

/// What is to be replayed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Whose history: the name of a service.
    owner: String,
    /// Only this event type.
    event: Option<String>,
    /// `first`, or a time (RFC 3339): events recorded then or later.
    from: String,
    /// Build the state without mails and follow-ups.
    #[serde(default)]
    mute: bool,
    /// Count only.
    #[serde(default)]
    dry_run: bool,
}

impl Request {
    fn plan(&self, reacts_to: &[EventType]) -> Result<Plan, Problem> {
        let mut wrong = Vec::new();
        let mut field = |name: &str, detail: String| wrong.push(FieldProblem { field: name.into(), detail });
        let owner = reacts_to.iter().map(|event| event.owner).find(|owner| *owner == self.owner);
        if owner.is_none() {
            field("owner", format!("is one of {}", list(reacts_to.iter().map(|event| event.owner))));
        }
        let theirs = || reacts_to.iter().filter(|event| event.owner == self.owner);
        let event = self.event.as_ref().and_then(|name| theirs().find(|event| event.name == name).copied());
        if self.event.is_some() && event.is_none() {
            field("event", format!("is one of {}", list(theirs().map(|event| event.name))));
        }
        let since: Option<Timestamp> = self.from.parse().ok();
        if since.is_none() && self.from != "first" {
            field("from", "is `first`, or a time like 2026-11-20T19:45:00Z".into());
        }
        match owner {
            Some(owner) if wrong.is_empty() => Ok(Plan { owner, event, since, mute: self.mute, dry_run: self.dry_run }),
            _ => Err(Problem::fields(wrong)),
        }
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.collect();
    names.dedup();
    names.join(", ")
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Busy => Self::new(StatusCode::CONFLICT, error.to_string()),
            ReplayError::NoHistory(_) => Self::not_found(error.to_string()),
            ReplayError::Database(error) => error.into(),
            ReplayError::Bus(_) | ReplayError::Interrupted => Self::unavailable(error.to_string()),
        }
    }
}

/// Hand what the inbox has not seen of a history to this service's own handlers.
///
/// Answers one JSON object a line (`application/x-ndjson`): the progress, at last with `"done": true`, or with `error`.
/// It ends when the caller hangs up; asked for again, it goes on from there.
#[utoipa::path(
    post, path = "/admin/replay", params(OperatorParam), request_body = Request, security(("token" = [])),
    responses((status = 200, body = String, content_type = "application/x-ndjson", description = "The progress, one JSON object a line"),
              (status = 404, body = Problem, description = "The broker has no such history"),
              (status = 409, body = Problem, description = "A replay of this history runs already"))
)]
pub(super) async fn replay(
    State(admin): State<Admin>,
    OperatorHeader(operator): OperatorHeader,
    JsonBody(request): JsonBody<Request>,
) -> Result<Response, Problem> {
    let plan = request.plan(&admin.topology.reacts_to)?;
    let subscriber = admin.bus.subscriber(&admin.topology);
    let dispatcher = Dispatcher::new(admin.database.clone(), admin.handlers.clone(), &admin.settings);
    let reacts_to = admin.topology.reacts_to.clone();
    let replay = Replay::begin(admin.database, reacts_to, subscriber, dispatcher, plan, &operator).await?;
    Ok(progress::answer(|teller| run(replay, admin.shutdown, teller)))
}

async fn run(mut replay: Replay, shutdown: CancellationToken, mut teller: Teller) -> Result<Value, ReplayError> {
    let result = loop {
        if shutdown.is_cancelled() || !teller.tell(json!(replay.progress())).await {
            break Err(ReplayError::Interrupted);
        }
        match replay.step(&shutdown).await {
            Ok(true) => {}
            Ok(false) => break Ok(json!(replay.progress())),
            Err(error) => break Err(error),
        }
    };
    replay.end().await?;
    result
}
