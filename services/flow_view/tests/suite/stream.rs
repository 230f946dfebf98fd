//! Server-sent events.

use std::time::Duration;

use axum::{body::Body, http::Request};
use futures_util::StreamExt;
use tower::ServiceExt;

use super::stage::{Fact, Stage};

struct Events {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Events {
    async fn open(stage: &Stage, last_event_id: Option<&str>) -> Self {
        let mut request = Request::get("/flows/stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = stage.http.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event's id and data; `None` at the stream's end.
    async fn next(&mut self) -> Option<(String, serde_json::Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
                let (id, data) = (field("id: ").to_owned(), serde_json::from_str(field("data: ")).unwrap());
                self.text = rest.into();
                return Some((id, data));
            }
            let chunk = tokio::time::timeout(Duration::from_secs(10), self.body.next()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }
}

#[tokio::test]
async fn a_change_is_told_to_whoever_listens() {
    let mut stage = Stage::new().await;
    stage.onboard().await;
    let mut events = Events::open(&stage, None).await;
    let created = Fact::first();
    stage.see(&created).await;
    let (id, flow) = events.next().await.unwrap();
    assert_eq!(flow["correlation_id"], created.flow.to_string());
    assert_eq!(flow["change"].to_string(), id);
}

#[tokio::test]
async fn whoever_comes_back_gets_what_was_missed_each_flow_once() {
    let mut stage = Stage::new().await;
    let mut events = Events::open(&stage, None).await;
    stage.see(&Fact::first()).await;
    let (id, _) = events.next().await.unwrap();
    drop(events);
    let (one, other) = (stage.onboard().await, stage.onboard().await);
    let mut events = Events::open(&stage, Some(&id)).await;
    for fact in [one, other] {
        let (_, flow) = events.next().await.unwrap();
        assert_eq!((&flow["correlation_id"], &flow["state"]), (&fact.flow.to_string().into(), &"done".into()));
    }
}

#[tokio::test]
async fn an_id_from_another_life_means_from_now_on() {
    let mut stage = Stage::new().await;
    stage.onboard().await;
    let mut events = Events::open(&stage, Some("999999999")).await;
    let created = Fact::first();
    stage.see(&created).await;
    assert_eq!(events.next().await.unwrap().1["correlation_id"], created.flow.to_string());
}

#[tokio::test]
async fn a_shutdown_ends_the_streams() {
    let stage = Stage::new().await;
    let mut events = Events::open(&stage, None).await;
    stage.closing.cancel();
    assert!(events.next().await.is_none());
}

async fn transactions(stage: &Stage) -> i64 {
    let pool = &stage.projector.database().pool;
    sqlx::query_scalar("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Each listener's own looks would be a hundred a second here.
#[tokio::test]
async fn who_listens_while_nothing_happens_costs_the_database_nothing() {
    let mut stage = Stage::new().await;
    stage.onboard().await;
    let mut listeners = Vec::new();
    for _ in 0..100 {
        listeners.push(Events::open(&stage, None).await);
    }
    // They hear of a change, so they have come up with the reader.
    stage.see(&Fact::first()).await;
    for events in &mut listeners {
        events.next().await.unwrap();
    }
    // Of one period after the other: Postgres counts a second late.
    let mut counts = Vec::new();
    for _ in 0..3 {
        counts.push(transactions(&stage).await);
        let nothing = listeners.iter_mut().map(|events| tokio::time::timeout(Duration::from_secs(3), events.next()));
        assert!(futures_util::future::join_all(nothing).await.iter().all(Result::is_err));
    }
    let asked = transactions(&stage).await - counts[2];
    assert!(asked < 60, "{asked} transactions in the last 3 seconds: {counts:?}");
}

#[tokio::test]
async fn more_than_a_thousand_listeners_are_asked_to_come_later() {
    let stage = Stage::new().await;
    let mut listeners = Vec::new();
    for _ in 0..1000 {
        listeners.push(Events::open(&stage, None).await);
    }
    let request = || Request::get("/flows/stream").body(Body::empty()).unwrap();
    let refused = stage.http.clone().oneshot(request()).await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers().contains_key("retry-after")), (503, true));
    listeners.pop();
    assert_eq!(stage.http.clone().oneshot(request()).await.unwrap().status(), 200);
}
