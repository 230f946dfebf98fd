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
use futures_util::stream::{self, Stream};
use service::problem::Problem;

use super::{
    feed::{Listener, Told},
    state::AppState,
};
use crate::store::flows::last_change;

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
    let Some(listener) = view.feed.listen(after) else {
        return Err(Problem::unavailable("so many listen that there is no place: try again later, or another replica"));
    };
    let tail = Tail { view, listener, ready: VecDeque::new() };
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    let mut response = Sse::new(tail.events()).keep_alive(keep_alive).into_response();
    // A proxy must not collect what is to be seen at once.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    Ok(response)
}

struct Tail {
    view: AppState,
    listener: Listener,
    ready: VecDeque<Told>,
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
        if self.ready.is_empty() {
            self.ready.extend(self.listener.next(&self.view.database, &self.view.directory).await?);
        }
        let Told { change, data } = self.ready.pop_front()?;
        Some(Event::default().event("flow").id(change.to_string()).data(data))
    }
}
