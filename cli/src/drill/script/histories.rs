//! The holes that only the histories can fill: lost bindings, queues and schemas, and trouble while catching up.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use crate::drill::stage::Stage;

/// Slow enough that a catch-up can be met in the middle.
const SLOWLY: &str = "INJECT_FAULTS=delay=10ms";
/// How long a catch-up may take to get so far.
const PATIENCE: Duration = Duration::from_mins(2);

/// Nobody tells loyalty: it binds again and reads what it missed within about a minute by itself.
pub async fn unbind(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.expected.may_reorder = true;
    stage.put_on_load();
    stage.until_percent(30).await?;
    stage.say("loyalty no longer hears of new customers");
    stage.fleet.broker().await?.unbind("loyalty", "customer_created").await?;
    stage.finish_load().await
}

pub async fn delete_queue(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.put_on_load();
    stage.until_percent(30).await?;
    stage.say("loyalty's queue is gone");
    stage.fleet.broker().await?.delete_queue("loyalty").await?;
    stage.lifted();
    stage.finish_load().await
}

pub async fn crash_in_catch_up(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    come_late(stage).await?;
    until_caught_up_by(stage, 40).await?;
    stage.say("SIGKILL in the middle of the catch-up");
    stage.fleet.faults.kill("loyalty").await?;
    stage.until_ready("loyalty").await?;
    stage.lifted();
    finish_catch_up(stage).await
}

pub async fn start_second_replica(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    come_late(stage).await?;
    until_caught_up_by(stage, 20).await?;
    stage.say("a second replica comes up");
    stage.fleet.faults.double("loyalty").await?;
    stage.until_quiet(&[]).await;
    // The first goes: what the second does from here on it must have learnt from the schema alone.
    stage.fleet.faults.kill("loyalty").await?;
    stage.until_ready("loyalty").await?;
    stage.fleet.faults.end_double("loyalty").await?;
    finish_catch_up(stage).await
}

/// As if loyalty had never been there while everybody registered: no process, no queue. Then it starts.
async fn come_late(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.say("loyalty is not there yet");
    stage.fleet.faults.hold("loyalty").await?;
    stage.fleet.faults.change_settings("loyalty", SLOWLY).await?;
    stage.fleet.broker().await?.delete_queue("loyalty").await?;
    stage.put_on_load();
    stage.finish_load().await?;
    stage.say("loyalty catches up");
    stage.fleet.faults.release("loyalty").await?;
    stage.until_ready("loyalty").await
}

/// Waits until loyalty has handled so many of a hundred registrations that it missed.
async fn until_caught_up_by(stage: &Stage<'_>, percent: usize) -> anyhow::Result<()> {
    let since = stage.since;
    let handled = format!("SELECT count(*) FROM loyalty.inbox WHERE received_at >= '{since}'");
    let wanted = i64::try_from(stage.registrations.len() * percent / 100)?;
    let deadline = Instant::now() + PATIENCE;
    while stage.fleet.database.count(&handled).await? < wanted {
        ensure!(Instant::now() < deadline, "loyalty does not catch up");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn finish_catch_up(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.until_quiet(&[]).await;
    stage.fleet.faults.restore("loyalty").await?;
    stage.until_ready("loyalty").await
}

/// Everything that loyalty ever did is gone. It does all of it again, under the same ids, so nobody else does. What operators
/// did is not in the histories: what they once gave up as undecodable is dead again, and they give it up again.
pub async fn lose_schema(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    let given_up = stage.fleet.database.undecodable("loyalty", &["discarded"]).await?;
    stage.expected.rebuilt = Some("loyalty");
    stage.put_on_load();
    stage.until_percent(40).await?;
    stage.say("loyalty's schema is lost");
    stage.fleet.faults.hold("loyalty").await?;
    let again = "DROP SCHEMA loyalty CASCADE; CREATE SCHEMA loyalty AUTHORIZATION loyalty";
    stage.fleet.database.execute(again).await?;
    stage.until_percent(60).await?;
    stage.fleet.faults.release("loyalty").await?;
    stage.until_ready("loyalty").await?;
    stage.lifted();
    stage.finish_load().await?;
    stage.until_quiet(&given_up).await;
    let dead = stage.fleet.database.undecodable("loyalty", &["dead"]).await?;
    for message in dead.iter().filter(|message| given_up.contains(message)) {
        stage.fleet.admin()?.discard("loyalty", *message, "given up before the schema was lost").await?;
    }
    if !dead.is_empty() {
        stage.note(format!("{} undecodable messages came back from the history", dead.len()));
    }
    Ok(())
}
