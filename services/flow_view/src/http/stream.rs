//! `GET /flows/stream`: every flow that changes, as server-sent events (HTML Living Standard, section 9.2).
//!
//! An event's id is the number of the change, so a browser that was unreachable goes on where it was. It gets each flow's latest
//! state, once, not all states in between.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use flow::answers::Changed;
use futures_util::stream::{self, Stream};
use service::problem::Problem;
use tokio::time::Instant;

use super::{flows, state::AppState};
use crate::store::flows::{changed_after, last_change};

/// How many flows are read at once.
const CHUNK: i64 = 200;
/// At most so often, whatever happens: a person can't see more.
const PACE: Duration = Duration::from_millis(200);
/// Changes that another replica makes are found by looking.
const POLL: Duration = Duration::from_secs(1);

/// Flows that change, as they change; from `Last-Event-ID` on, else from now.
#[utoipa::path(
    get, path = "/flows/stream",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was received; what is none means from now on")),
    responses((status = 200, body = String, content_type = "text/event-stream",
               description = "Events `flow`: the data is a flow as in `/flows`, the id is its `change`"))
)]
pub async fn stream(State(view): State<AppState>, headers: HeaderMap) -> Result<Response, Problem> {
    let asked = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<i64>().ok());
    let newest = last_change(&view.database.pool).await?;
    // A number from before the tables were lost lies in the future: from now on, then.
    let after = asked.filter(|asked| (0..=newest).contains(asked)).unwrap_or(newest);
    let tail = Tail { view, after, ready: VecDeque::new(), read_at: None };
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    let mut response = Sse::new(tail.events()).keep_alive(keep_alive).into_response();
    // A proxy must not collect what is to be seen at once.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    Ok(response)
}

struct Tail {
    view: AppState,
    /// The number of the last change that was read.
    after: i64,
    ready: VecDeque<Changed>,
    read_at: Option<Instant>,
}

impl Tail {
    /// Until the service closes, or the database does not answer: the browser then comes again.
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut tail| async {
            let closing = tail.view.closing.clone();
            let event = closing.run_until_cancelled(tail.next()).await??;
            Some((Ok(event), tail))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(flow) = self.ready.pop_front() {
                let event = Event::default().event("flow").id(flow.change.to_string());
                return event.json_data(&flow).ok();
            }
            self.wait().await;
            let changed = changed_after(&self.view.database.pool, self.after, CHUNK).await.ok()?;
            self.after = changed.last().map_or(self.after, |last| last.change);
            self.ready.extend(changed.into_iter().map(|flow| flows::changed(flow, &self.view.directory)));
        }
    }

    /// Until there may be something new, and not too soon after the last time.
    async fn wait(&mut self) {
        if let Some(read_at) = self.read_at {
            tokio::time::sleep_until(read_at + PACE).await;
        }
        let after = self.after;
        let newer = self.view.changed.wait_for(|change| *change > after);
        let _ = tokio::time::timeout(POLL, newer).await;
        self.read_at = Some(Instant::now());
    }
}
