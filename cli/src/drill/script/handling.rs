//! Messages that come twice, that nobody can read, that fail, or that take long.

use e2e::SERVICES;
use messaging::middleware;
use uuid::Uuid;

use crate::drill::stage::Stage;

/// How many undecodable messages there are.
const UNDECODABLE: usize = 10;

/// Every event goes out again in mid-load, those of before among new ones, and all of them once more after it.
pub async fn publish_twice(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    let since = stage.since.to_string();
    stage.put_on_load();
    stage.until_percent(50).await?;
    republish_all(stage, &since).await?;
    stage.finish_load().await?;
    stage.until_quiet(&[]).await;
    republish_all(stage, &since).await?;
    stage.lifted();
    Ok(())
}

/// Everything that is retained since `from`, which operators know from `fleet republish`.
pub async fn republish_all(stage: &mut Stage<'_>, from: &str) -> anyhow::Result<()> {
    stage.say("the outboxes are sent again");
    let admin = stage.fleet.admin()?;
    let mut count = 0;
    for service in SERVICES {
        count += admin.republish(service, from).await?;
    }
    stage.note(format!("{count} events were published again"));
    Ok(())
}

/// At random, everywhere. First loyalty fails so often that most registrations still wait there when their end comes: many
/// are refused here, and the end must wait behind the beginning.
pub async fn fail_a_fifth(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.refused_every = 4;
    change_settings(stage, &["customer", "email"], "INJECT_FAULTS=fail=0.2").await?;
    change_settings(stage, &["loyalty"], "INJECT_FAULTS=fail=0.8").await?;
    stage.put_on_load();
    stage.finish_load().await?;
    stage.until_only_in("loyalty").await;
    change_settings(stage, &["loyalty"], "INJECT_FAULTS=fail=0.2").await?;
    stage.lifted();
    stage.fleet.admin()?.retry_parked("loyalty").await?;
    // A fifth still fails until everything is done: that it stops must not be what heals it.
    stage.until_quiet(&[]).await;
    restore(stage, &SERVICES).await
}

pub async fn slow_down(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    change_settings(stage, &["loyalty"], "INJECT_FAULTS=delay=20ms").await?;
    stage.put_on_load();
    stage.finish_load().await?;
    stage.until_quiet(&[]).await;
    restore(stage, &["loyalty"]).await
}

async fn change_settings(stage: &Stage<'_>, services: &[&'static str], settings: &str) -> anyhow::Result<()> {
    stage.say("restarting with faults");
    for service in services {
        stage.fleet.faults.restart_with(service, settings).await?;
    }
    for service in services {
        stage.until_ready(service).await?;
    }
    Ok(())
}

async fn restore(stage: &mut Stage<'_>, services: &[&'static str]) -> anyhow::Result<()> {
    for service in services {
        stage.fleet.faults.restore(service).await?;
    }
    for service in services {
        stage.until_ready(service).await?;
    }
    Ok(())
}

/// First exactly the victims are incomplete, and everybody else is done. Then the operator mends loyalty, has what is parked
/// tried again, and gives up what nobody can read: nobody is incomplete any more.
pub async fn poison(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    const SHARE: f64 = 0.05;
    let admin = stage.fleet.admin()?;
    change_settings(stage, &["loyalty"], &format!("INJECT_FAULTS=always={SHARE}")).await?;
    stage.put_on_load();
    let poison = publish_undecodable(stage).await?;
    stage.finish_load().await?;

    let fault = middleware::Faults { always: SHARE, ..middleware::Faults::default() };
    let ids = stage.registrations.iter().map(|one| one.customer_id);
    let victims: Vec<_> = ids.filter(|id| fault.always_fails(*id)).collect();
    let except: Vec<_> = victims.iter().chain(&poison).copied().collect();
    stage.until_quiet(&except).await;
    // Each is dead in both services that react to customer_created.
    stage.expected.dead = i64::try_from(2 * poison.len())?;
    stage.expected.victims = victims.into_iter().collect();
    let verdict = stage.judge().await?;
    anyhow::ensure!(verdict.good, "before the operator came: {}", verdict.wrong.join("; "));
    let (finished, victims, dead) = (verdict.finished, verdict.victims, verdict.dead);
    stage.note(format!(
        "before the operator came {finished} flows were finished, exactly the {victims} victims were not, {dead} messages dead"
    ));

    stage.say("the operator mends it");
    restore(stage, &["loyalty"]).await?;
    stage.lifted();
    admin.retry_parked("loyalty").await?;
    for service in ["email", "loyalty"] {
        for message in &poison {
            admin.discard(service, *message, "nobody can read it").await?;
        }
    }
    stage.expected.dead = 0;
    stage.expected.victims.clear();
    Ok(())
}

async fn publish_undecodable(stage: &Stage<'_>) -> anyhow::Result<Vec<Uuid>> {
    stage.until_percent(20).await?;
    stage.say("undecodable messages among the good ones");
    let broker = stage.fleet.broker().await?;
    let mut published = Vec::new();
    for _ in 0..UNDECODABLE {
        let id = Uuid::now_v7();
        broker.publish_undecodable("customer_created", id).await?;
        published.push(id);
    }
    Ok(published)
}
