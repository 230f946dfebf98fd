//! An answer that grows with the progress of the work: one JSON object a line.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};

/// How often the progress is told at most.
const TELL: Duration = Duration::from_millis(200);

/// Tells whoever has asked how far the work has come.
pub struct Teller {
    lines: mpsc::Sender<String>,
    next: Instant,
}

impl Teller {
    /// Tells the progress, unless it was told a moment ago; `false` if nobody listens any more: that is how work is
    /// interrupted.
    pub async fn tell(&mut self, progress: Value) -> bool {
        if Instant::now() < self.next {
            return !self.lines.is_closed();
        }
        self.next = Instant::now() + TELL;
        self.lines.send(line(progress, false)).await.is_ok()
    }
}

/// Begins `work`, and answers with what it tells: at last its result with `"done": true`, or an `error`.
pub fn answer<F, E>(work: impl FnOnce(Teller) -> F) -> Response
where
    F: Future<Output = Result<Value, E>> + Send + 'static,
    E: std::fmt::Display,
{
    let (lines, told) = mpsc::channel(1);
    let work = work(Teller { lines: lines.clone(), next: Instant::now() });
    tokio::spawn(async move {
        let last = match work.await {
            Ok(result) => line(result, true),
            Err(error) => format!("{}\n", json!({ "error": error.to_string() })),
        };
        let _ = lines.send(last).await;
    });
    let lines = stream::unfold(told, |mut told| async { Some((Ok::<_, Infallible>(told.recv().await?), told)) });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

fn line(mut value: Value, done: bool) -> String {
    value["done"] = done.into();
    format!("{value}\n")
}
