//! The tasks of a service, until they have ended.

use std::time::Duration;

use anyhow::anyhow;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// How long a shutdown may take.
const DRAIN: Duration = Duration::from_secs(10);

/// What runs, by name.
pub type Tasks = JoinSet<(&'static str, anyhow::Result<()>)>;

/// Waits for the end: of all tasks after `shutdown`, or of one that should not have ended.
pub async fn supervise(mut tasks: Tasks, shutdown: CancellationToken) -> anyhow::Result<()> {
    let early = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        ended = tasks.join_next() => match ended {
            Some(Ok((_, Ok(())))) if shutdown.is_cancelled() => Ok(()),
            Some(Ok((name, Ok(())))) => Err(anyhow!("the task {name} ended by itself")),
            Some(Ok((name, Err(error)))) => Err(error.context(format!("the task {name} failed"))),
            Some(Err(_)) => Err(anyhow!("a task panicked")),
            None => Ok(()),
        },
    };
    shutdown.cancel();
    let drained = tokio::time::timeout(DRAIN, async { while tasks.join_next().await.is_some() {} }).await;
    early?;
    drained.map_err(|_| anyhow!("not everything could be finished within {DRAIN:?}"))?;
    info!("stopped");
    Ok(())
}
