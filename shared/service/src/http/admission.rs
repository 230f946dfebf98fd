//! Overload ends at the door: as many requests run as have a connection to the database, some wait, and what can't be
//! answered in time is refused at once.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use messaging::database::request_connections;
use tokio::{sync::Semaphore, time::timeout};

use crate::problem::Problem;

/// How many requests may wait for each that runs.
const WAITING: usize = 8;
/// How long a request waits for its turn.
const WAIT: Duration = Duration::from_secs(2);

/// How many requests run and wait at once. Copies share it.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Those that run or wait.
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Admission {
    /// For a service that has so many connections to its database; each request takes one at a time.
    pub fn new(database_connections: u32) -> Self {
        let running = request_connections(database_connections).try_into().unwrap_or(usize::MAX);
        Self { admitted: Arc::new(Semaphore::new(running * (1 + WAITING))), running: Arc::new(Semaphore::new(running)) }
    }
}

/// Lets through what can be answered in time.
pub(super) async fn admit(State(admission): State<Admission>, request: Request, next: Next) -> Response {
    let Ok(_admitted) = admission.admitted.try_acquire() else { return too_much() };
    let Ok(Ok(_running)) = timeout(WAIT, admission.running.acquire()).await else { return too_much() };
    next.run(request).await
}

fn too_much() -> Response {
    Problem::unavailable("too many requests at once: try again in a second").into_response()
}
