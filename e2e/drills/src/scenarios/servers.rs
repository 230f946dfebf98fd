//! The broker, the database or the mail server is unreachable.

use std::time::Duration;

use e2e::services;
use jiff::Timestamp;
use tokio::time::sleep;

use super::handling::republish_all;
use crate::context::DrillContext;

/// When every retry in the fleet has come round at its longest.
const A_MINUTE: Duration = Duration::from_mins(1);

pub async fn restart_broker(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    context.put_on_load();
    context.until_percent(30).await?;
    context.say("the broker restarts");
    context.fleet.faults.stop("rabbitmq").await?;
    context.fleet.faults.start("rabbitmq").await?;
    context.lifted();
    context.finish_load().await
}

pub async fn take_broker_away(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    context.put_on_load();
    context.until_percent(10).await?;
    context.say("the broker is unreachable");
    context.fleet.faults.stop("rabbitmq").await?;
    sleep(A_MINUTE).await;
    context.fleet.faults.start("rabbitmq").await?;
    context.lifted();
    context.finish_load().await
}

/// A crash, which a database has to recover from; nobody can register meanwhile.
pub async fn restart_database(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    context.put_on_load();
    context.until_percent(30).await?;
    context.say("the database crashes");
    context.fleet.faults.crash("postgres").await?;
    sleep(Duration::from_secs(3)).await;
    context.fleet.faults.start("postgres").await?;
    context.lifted();
    context.finish_load().await
}

pub async fn take_mail_away(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    context.put_on_load();
    context.until_percent(20).await?;
    context.say("no mail server");
    context.fleet.faults.take_mail_away().await?;
    sleep(Duration::from_secs(15)).await;
    context.fleet.faults.bring_mail_back().await?;
    context.lifted();
    context.finish_load().await
}

/// What was confirmed and not yet delivered is gone, and so are the histories. Only the outboxes still have it: all that is
/// retained goes out again, so that the histories are whole once more. Until an operator sees to that, a customer's next
/// event passes the one that was lost.
pub async fn wipe_broker(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    context.expected.may_reorder = true;
    context.put_on_load();
    context.until_percent(30).await?;
    context.say("the broker loses everything");
    context.fleet.faults.stop("rabbitmq").await?;
    context.fleet.faults.control.wipe_broker()?;
    context.fleet.faults.start("rabbitmq").await?;
    for service in services() {
        context.until_ready(service).await?;
    }
    republish_all(context, &Timestamp::UNIX_EPOCH.to_string()).await?;
    context.lifted();
    context.finish_load().await
}
