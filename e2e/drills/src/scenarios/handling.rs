//! Messages that come twice, that nobody can read, that fail, or that take long.

use std::time::Duration;

use anyhow::ensure;
use client::{
    Service,
    parked::{Filter, discard, retry_all},
};
use e2e::services;
use messaging::middleware;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::context::DrillContext;

/// How long a service under overload may be found not ready.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many undecodable messages there are.
const UNDECODABLE: usize = 10;

/// Every event goes out again in mid-load, those of before among new ones, and all of them once more after it.
pub async fn publish_twice(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    let since = context.since.to_string();
    context.put_on_load();
    context.until_percent(50).await?;
    republish_all(context, &since).await?;
    context.finish_load().await?;
    context.until_quiet(&[]).await;
    republish_all(context, &since).await?;
    context.lifted();
    Ok(())
}

/// Everything that is retained since `from`, which operators know from `fleet republish`.
pub async fn republish_all(context: &mut DrillContext<'_>, from: &str) -> anyhow::Result<()> {
    context.say("the outboxes are sent again");
    let operations = context.fleet.operations()?;
    let mut count = 0;
    for service in services() {
        count += operations.republish(Service::named(service)?, from).await?;
    }
    context.note(format!("{count} events were published again"));
    Ok(())
}

/// At random, everywhere. First loyalty fails so often that most registrations still wait there when their end comes: many
/// are refused here, and the end must wait behind the beginning.
pub async fn fail_a_fifth(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    context.refused_every = 4;
    change_settings(context, &["customer", "email"], "INJECT_FAULTS=fail=0.2").await?;
    change_settings(context, &["loyalty"], "INJECT_FAULTS=fail=0.8").await?;
    context.put_on_load();
    context.finish_load().await?;
    context.until_only_in("loyalty").await;
    change_settings(context, &["loyalty"], "INJECT_FAULTS=fail=0.2").await?;
    context.lifted();
    retry_all(&context.fleet.operations()?, Service::named("loyalty")?, &Filter::default()).await?;
    // A fifth still fails until everything is done: that it stops must not be what heals it.
    context.until_quiet(&[]).await;
    restore(context, &services()).await
}

pub async fn slow_down(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    change_settings(context, &["loyalty"], "INJECT_FAULTS=delay=20ms").await?;
    context.put_on_load();
    context.finish_load().await?;
    context.until_quiet(&[]).await;
    restore(context, &["loyalty"]).await
}

async fn change_settings(context: &DrillContext<'_>, services: &[&'static str], settings: &str) -> anyhow::Result<()> {
    context.say("restarting with faults");
    for service in services {
        context.fleet.faults.restart_with(service, settings).await?;
    }
    for service in services {
        context.until_ready(service).await?;
    }
    Ok(())
}

async fn restore(context: &mut DrillContext<'_>, services: &[&'static str]) -> anyhow::Result<()> {
    for service in services {
        context.fleet.faults.restore(service).await?;
    }
    for service in services {
        context.until_ready(service).await?;
    }
    Ok(())
}

/// First exactly the victims are incomplete, and everybody else is done. Then the operator fixes loyalty, has what is parked
/// tried again, and gives up what nobody can read: nobody is incomplete any more.
pub async fn poison(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    const SHARE: f64 = 0.05;
    let operations = context.fleet.operations()?;
    change_settings(context, &["loyalty"], &format!("INJECT_FAULTS=always={SHARE}")).await?;
    context.put_on_load();
    let poison = publish_undecodable(context).await?;
    context.finish_load().await?;

    let fault = middleware::Faults { always: SHARE, ..middleware::Faults::default() };
    let ids = context.registrations.iter().map(|one| one.customer_id);
    let victims: Vec<_> = ids.filter(|id| fault.always_fails(*id)).collect();
    let except: Vec<_> = victims.iter().chain(&poison).copied().collect();
    context.until_quiet(&except).await;
    // Each is dead in both services that react to customer_created.
    context.expected.dead = i64::try_from(2 * poison.len())?;
    context.expected.victims = victims.into_iter().collect();
    let verdict = context.judge().await?;
    anyhow::ensure!(verdict.good, "before the operator came: {}", verdict.wrong.join("; "));
    let (finished, victims, dead) = (verdict.finished, verdict.victims, verdict.dead);
    context.note(format!(
        "before the operator came {finished} flows were finished, exactly the {victims} victims were not, {dead} messages dead"
    ));

    context.say("the operator fixes it");
    restore(context, &["loyalty"]).await?;
    context.lifted();
    retry_all(&operations, Service::named("loyalty")?, &Filter::default()).await?;
    for service in ["email", "loyalty"] {
        for message in &poison {
            discard(&operations, Service::named(service)?, *message, "nobody can read it").await?;
        }
    }
    context.expected.dead = 0;
    context.expected.victims.clear();
    Ok(())
}

/// What is too much is refused at the door, and who is refused comes again. Meanwhile the service is ready, publishes what it
/// took, and the others handle it.
pub async fn overload(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    context.put_on_load();
    let (mut looks, mut slowest) = (0, Duration::ZERO);
    while !context.is_loaded() {
        let began = Instant::now();
        context.fleet.api.until_ready("customer").await?;
        looks += 1;
        slowest = slowest.max(began.elapsed());
        sleep(Duration::from_millis(250)).await;
    }
    let ready = slowest < PATIENCE;
    context.note(format!("customer was asked {looks} times whether it is ready; the slowest yes took {slowest:.1?}"));
    context.finish_load().await?;
    context.until_quiet(&[]).await;
    ensure!(ready, "under load customer was not ready for {slowest:?}");
    Ok(())
}

async fn publish_undecodable(context: &DrillContext<'_>) -> anyhow::Result<Vec<Uuid>> {
    context.until_percent(20).await?;
    context.say("undecodable messages among the good ones");
    let broker = context.fleet.broker().await?;
    let mut published = Vec::new();
    for _ in 0..UNDECODABLE {
        published.push(broker.publish_undecodable("customer_created").await?);
    }
    Ok(published)
}
