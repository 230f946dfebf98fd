//! `GET /flows` and `GET /flows/{id}`.

use axum::{Json, extract::State, http::StatusCode};
use flow::{
    Observed,
    answers::{Found, Page, Tally},
};
use jiff::{Span, SpanRelativeTo, Timestamp};
use serde::Deserialize;
use service::{
    http::extract::{Path, Query},
    problem::Problem,
};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    shown::{changed, mark_unreachable},
    state::AppState,
};
use crate::store::{
    self,
    flows::{self, After, Listed},
};

/// How many flows a page has, unless more or fewer are asked for.
const PAGE: u16 = 50;
const MAX_PAGE: u16 = 200;
/// How many flows of a customer are shown.
const MAX_FOUND: i64 = 20;

/// Which page of which flows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// In this state.
    #[param(inline)]
    state: Option<flow::State>,
    /// That began then or later: a time (RFC 3339), or how long ago at most (`30m`, `1h`, `7d`).
    #[param(
        pattern = "^([1-9][0-9]{0,3}[smhd]|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)$"
    )]
    since: Option<String>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[0-9]{1,17}[.][0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    cursor: Option<String>,
    /// At most so many, up to 200.
    #[param(maximum = 65535)]
    limit: Option<u16>,
}

fn bad(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

/// Flows, newest first.
#[utoipa::path(
    get, path = "/flows", params(Listing),
    responses((status = 200, body = Page, description = "A page of them"))
)]
pub async fn list(
    State(view): State<AppState>,
    Query(Listing { state, since, cursor, limit }): Query<Listing>,
) -> Result<Json<Page>, Problem> {
    let since = beginning(since.as_deref(), &view)?;
    let after = cursor.map_or(Some(After::NEWEST), |text| After::parse(&text));
    let after = after.ok_or_else(|| bad("cursor is the next_cursor of a page"))?;
    let limit = limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
    // One more than a page shows whether there is another.
    let mut listed = flows::list(&view.database.pool, state, since, after, i64::from(limit) + 1).await?;
    let more = listed.len() > usize::from(limit);
    listed.truncate(limit.into());
    let next_cursor = listed.last().filter(|_| more).map(|last| After::flow(last).to_string());
    let flows = listed.into_iter().map(|listed| changed(listed, &view.directory)).collect();
    Ok(Json(Page { flows, next_cursor }))
}

/// How many flows are to be counted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Counting {
    /// Those that began then or later, as in `/flows`.
    #[param(
        pattern = "^([1-9][0-9]{0,3}[smhd]|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)$"
    )]
    since: Option<String>,
}

/// How many flows stand how.
#[utoipa::path(
    get, path = "/flows/count", params(Counting),
    responses((status = 200, body = Tally, description = "How many"))
)]
pub async fn count(
    State(view): State<AppState>,
    Query(Counting { since }): Query<Counting>,
) -> Result<Json<Tally>, Problem> {
    let since = beginning(since.as_deref(), &view)?;
    let counts = flows::tally(&view.database.pool, since).await?;
    let of = |state: flow::State| counts.iter().find(|(name, _)| name == state.as_str()).map_or(0, |(_, count)| *count);
    let [running, done] = [flow::State::Running, flow::State::Done].map(of);
    let [compensated, stuck] = [flow::State::Compensated, flow::State::Stuck].map(of);
    Ok(Json(Tally { running, done, compensated, stuck }))
}

/// The flows of an id: of the flow, of one of its events, of its customer or of its trace.
#[utoipa::path(
    get, path = "/flows/{id}", params(("id" = String, Path, description = "A UUID, or a trace id of 32 hex digits")),
    responses((status = 200, body = Found, description = "At most 20, the newest first"), (status = 404, body = Problem, description = "No flow has this id"))
)]
pub async fn show(State(view): State<AppState>, Path(id): Path<String>) -> Result<Json<Found>, Problem> {
    let unknown = || Problem::not_found("no flow has this id: not as its own, an event's, a customer's or a trace's");
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let ids = store::find(&view.database.pool, id, MAX_FOUND).await?;
    let mut connection = view.database.pool.acquire().await?;
    let events = store::events_of(&mut connection, &ids).await?;
    let statuses = store::statuses_of(&mut connection, &ids).await?;
    drop(connection);
    let now = view.database.clock.now();
    let details = ids.iter().filter_map(|id| {
        let events: Vec<_> = events.iter().filter(|event| event.correlation_id == *id).cloned().collect();
        let statuses: Vec<_> = statuses.iter().filter(|(flow, _)| flow == id).map(|(_, held)| held.clone()).collect();
        Observed::new(view.reactions, &events, &statuses, now).map(|observed| observed.detail())
    });
    let mut flows: Vec<_> = details.collect();
    flows.sort_by_key(|detail| std::cmp::Reverse(detail.flow.began_at));
    for detail in &mut flows {
        mark_unreachable(&mut detail.flow, &view.directory);
        detail
            .tree
            .iter_mut()
            .for_each(|node| node.mark_unreachable(&|service| view.directory.is_unreachable(service)));
    }
    if flows.is_empty() { Err(unknown()) } else { Ok(Json(Found { flows })) }
}

fn beginning(since: Option<&str>, view: &AppState) -> Result<Timestamp, Problem> {
    let since = since.map_or(Some(Timestamp::UNIX_EPOCH), |text| parse_since(text, view.database.clock.now()));
    since.ok_or_else(|| bad("since is a time, as in 2026-11-21T08:00:00Z, or how long ago, as in 1h"))
}

/// A time, or how long ago; a day is 24 hours.
fn parse_since(text: &str, now: Timestamp) -> Option<Timestamp> {
    let ago = |text: &str| {
        let ago = text.parse::<Span>().ok().filter(|ago| ago.is_positive())?;
        now.checked_sub(ago.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?).ok()
    };
    text.parse().ok().or_else(|| ago(text)).map(|since: Timestamp| since.max(Timestamp::UNIX_EPOCH))
}

impl After {
    /// Before all flows that may be.
    const NEWEST: Self = Self { began_at: Timestamp::MAX, correlation_id: Uuid::max() };

    fn flow(listed: &Listed) -> Self {
        Self { began_at: listed.began_at, correlation_id: listed.flow.correlation_id }
    }

    fn parse(text: &str) -> Option<Self> {
        let (began_at, correlation_id) = text.split_once('.')?;
        let began_at = Timestamp::from_microsecond(began_at.parse().ok()?).ok()?;
        Some(Self { began_at: began_at.max(Timestamp::UNIX_EPOCH), correlation_id: correlation_id.parse().ok()? })
    }
}

impl std::fmt::Display for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.began_at.as_microsecond(), self.correlation_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let since = |text| parse_since(text, now).map(|since| since.to_string());
        assert_eq!(since("1h").as_deref(), Some("2026-11-21T11:00:00Z"));
        assert_eq!(since("7d").as_deref(), Some("2026-11-14T12:00:00Z"));
        assert_eq!(since("2026-11-01T00:00:00+01:00").as_deref(), Some("2026-10-31T23:00:00Z"));
        assert_eq!(since("1h 30m").as_deref(), Some("2026-11-21T10:30:00Z"));
        assert_eq!(since("4294967295d"), None);
        for wrong in ["", "h", "1month", "-1h", "0s ago", "yesterday", "1é"] {
            assert_eq!(since(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_cursor_can_be_read_back() {
        let after = After { began_at: "2026-11-21T12:00:00.123456Z".parse().unwrap(), correlation_id: Uuid::now_v7() };
        assert_eq!(After::parse(&after.to_string()), Some(after));
        assert_eq!(After::parse("12"), None);
    }
}
