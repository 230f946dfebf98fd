//! The broker, the database or the mail server is away.

use std::time::Duration;

use e2e::SERVICES;
use tokio::time::sleep;

use super::handling::republish_all;
use crate::drill::stage::Stage;

/// When every retry in the fleet has come round at its longest.
const A_MINUTE: Duration = Duration::from_mins(1);

pub async fn restart_broker(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.put_on_load();
    stage.until_percent(30).await?;
    stage.say("the broker restarts");
    stage.fleet.faults.stop("rabbitmq").await?;
    stage.fleet.faults.start("rabbitmq").await?;
    stage.lifted();
    stage.finish_load().await
}

pub async fn take_broker_away(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.put_on_load();
    stage.until_percent(10).await?;
    stage.say("the broker is away");
    stage.fleet.faults.stop("rabbitmq").await?;
    sleep(A_MINUTE).await;
    stage.fleet.faults.start("rabbitmq").await?;
    stage.lifted();
    stage.finish_load().await
}

/// A crash, which a database has to recover from; nobody can register meanwhile.
pub async fn restart_database(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.put_on_load();
    stage.until_percent(30).await?;
    stage.say("the database crashes");
    stage.fleet.faults.crash("postgres").await?;
    sleep(Duration::from_secs(3)).await;
    stage.fleet.faults.start("postgres").await?;
    stage.lifted();
    stage.finish_load().await
}

pub async fn take_mail_away(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.put_on_load();
    stage.until_percent(20).await?;
    stage.say("no mail server");
    stage.fleet.faults.take_mail_away().await?;
    sleep(Duration::from_secs(15)).await;
    stage.fleet.faults.bring_mail_back().await?;
    stage.lifted();
    stage.finish_load().await
}

/// What was confirmed and not yet delivered is gone, and so are the histories. Only the outboxes still have it: all that is
/// retained goes out again, so that the histories are whole once more. Until an operator sees to that, a customer's next
/// event passes the one that was lost.
pub async fn wipe_broker(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    const EVER: &str = "2000-01-01T00:00:00Z";
    stage.expected.may_reorder = true;
    stage.put_on_load();
    stage.until_percent(30).await?;
    stage.say("the broker loses everything");
    stage.fleet.faults.stop("rabbitmq").await?;
    stage.fleet.faults.hands.wipe_broker()?;
    stage.fleet.faults.start("rabbitmq").await?;
    for service in SERVICES {
        stage.until_ready(service).await?;
    }
    republish_all(stage, EVER).await?;
    stage.lifted();
    stage.finish_load().await
}
