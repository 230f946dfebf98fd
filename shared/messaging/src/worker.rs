//! Work in turns: the one loop of everything that a service does until it stops.
//!
//! A server can be silent instead of gone: its machine froze, a firewall forgot the connection. Then neither an answer nor
//! an error comes, and whoever waits without a limit waits for ever, with every lamp green. So a turn has a time limit, what
//! it held is closed when that is over, and a part of the service counts as up because its last turn ended lately.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    backoff::REST,
    failure::{self, Failure},
    health::{Condition, Health},
};

/// A task that runs beside relay and router, until the token is cancelled.
pub type Task = Box<dyn FnOnce(Health, CancellationToken) -> BoxFuture<'static, ()> + Send>;

/// How long a turn may take that asks the database only: a few statements, each with the session's own time limit.
pub const TURN: Duration = Duration::from_secs(15);
/// How long a turn that has begun may still take when the service stops; below what a shutdown may take in all.
const LAST_TURN: Duration = Duration::from_secs(8);
/// How much later than announced the next sign of life may come, on a busy machine.
const SLACK: Duration = Duration::from_secs(5);

/// Somebody who works in turns.
pub trait Worker: Send + 'static {
    /// Its name among the parts of the service.
    fn part(&self) -> &'static str;

    /// What its failing means, for the log: "the relay can't publish: events wait in the outbox".
    fn trouble(&self) -> &'static str;

    /// Whether the service is not ready while it fails.
    fn is_vital(&self) -> bool {
        false
    }

    /// How long a turn may take.
    fn limit(&self) -> Duration {
        TURN
    }

    /// Who ends its rest before time.
    fn wake_up(&self) -> Option<Arc<Notify>> {
        None
    }

    /// One turn. May be dropped half-way, when its time is over.
    fn turn(&mut self) -> impl Future<Output = Result<Next, TurnFailed>> + Send;

    /// A turn was dropped half-way: what it held of its own, a channel for one, is given up.
    fn abandon(&mut self) {}

    /// When the service stops, after the last turn.
    fn close(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// When the next turn is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once: there may be more to do.
    Now,
    /// After so long, or when woken.
    Within(Duration),
}

/// Why a turn failed: safe to log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TurnFailed(pub String);

impl From<sqlx::Error> for TurnFailed {
    fn from(error: sqlx::Error) -> Self {
        if let Some(reason) = failure::unreachable_because(&error) {
            return Self(reason.into());
        }
        Self(format!("the database refuses a statement: {}", Failure::from(error).class()))
    }
}

/// `worker` as a task.
pub fn task(worker: impl Worker) -> Task {
    Box::new(|health, shutdown| Box::pin(run(worker, health, shutdown)))
}

/// Gives `worker` turn after turn until `shutdown`, whatever happens in them. A turn that has begun is finished, if that is
/// possible in time.
pub async fn run(mut worker: impl Worker, health: Health, shutdown: CancellationToken) {
    let mut failures = 0;
    while !shutdown.is_cancelled() {
        health.expect(worker.part(), worker.is_vital(), worker.limit() + SLACK);
        let rest = match turn(&mut worker, &shutdown).await {
            Ok(next) => {
                if health.set(worker.part(), Condition::Up) && failures > 0 {
                    info!(part = worker.part(), "works again");
                }
                failures = 0;
                let Next::Within(rest) = next else { continue };
                rest
            }
            Err(TurnFailed(reason)) => {
                failures += 1;
                let condition = if worker.is_vital() { Condition::Down } else { Condition::Waiting };
                if health.set(worker.part(), condition(reason.clone())) {
                    warn!(part = worker.part(), reason, "{}", worker.trouble());
                }
                REST.after(failures)
            }
        };
        health.expect(worker.part(), worker.is_vital(), rest + SLACK);
        // Who has failed is not woken: under load it would never rest.
        let wake_up = worker.wake_up().filter(|_| failures == 0);
        let woken = async {
            match &wake_up {
                Some(wake_up) => wake_up.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = woken => {}
            () = sleep(rest) => {}
        }
    }
    worker.close().await;
}

async fn turn(worker: &mut impl Worker, shutdown: &CancellationToken) -> Result<Next, TurnFailed> {
    let limit = worker.limit();
    let ended = {
        // What a panic leaves behind is the next turn's to find: state that matters is in the database.
        let turn = AssertUnwindSafe(worker.turn()).catch_unwind();
        let too_late = async {
            shutdown.cancelled().await;
            sleep(LAST_TURN).await;
        };
        tokio::select! {
            ended = timeout(limit, turn) => ended.map_err(|_| TurnFailed(format!("no answer within {limit:?}"))),
            () = too_late => Err(TurnFailed(format!("not finished within {LAST_TURN:?} of the shutdown"))),
        }
    };
    match ended {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(TurnFailed("panicked".into())),
        Err(error) => {
            worker.abandon();
            Err(error)
        }
    }
}
