//! The holes that only the histories can fill: lost bindings, queues and schemas, and trouble while catching up.

use std::time::Duration;

use anyhow::ensure;
use client::{Service, parked::discard};
use tokio::time::{Instant, sleep};

use crate::context::DrillContext;

/// Slow enough that a catch-up can be met in the middle.
const SLOWLY: &str = "INJECT_FAULTS=delay=10ms";
/// How long a catch-up may take to get so far.
const PATIENCE: Duration = Duration::from_mins(2);

/// Nobody tells loyalty: it binds again and reads what it missed within about a minute by itself.
pub async fn unbind(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    context.expected.may_reorder = true;
    context.put_on_load();
    context.until_percent(30).await?;
    context.say("loyalty no longer hears of new customers");
    context.fleet.broker().await?.unbind("loyalty", "customer_created").await?;
    context.finish_load().await
}

pub async fn delete_queue(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    context.put_on_load();
    context.until_percent(30).await?;
    context.say("loyalty's queue is gone");
    context.fleet.broker().await?.delete_queue("loyalty").await?;
    context.lifted();
    context.finish_load().await
}

pub async fn crash_in_catch_up(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    come_late(context).await?;
    until_caught_up_by(context, 40).await?;
    context.say("SIGKILL in the middle of the catch-up");
    context.fleet.faults.kill("loyalty").await?;
    context.until_ready("loyalty").await?;
    context.lifted();
    finish_catch_up(context).await
}

pub async fn start_second_replica(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    come_late(context).await?;
    until_caught_up_by(context, 20).await?;
    context.say("a second replica comes up");
    context.fleet.faults.double("loyalty").await?;
    context.until_quiet(&[]).await;
    // The first goes: what the second does from here on it must have learnt from the schema alone.
    context.fleet.faults.kill("loyalty").await?;
    context.until_ready("loyalty").await?;
    context.fleet.faults.end_double("loyalty").await?;
    finish_catch_up(context).await
}

/// As if loyalty had never been there while everybody registered: no process, no queue. Then it starts.
async fn come_late(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    context.say("loyalty is not there yet");
    context.fleet.faults.hold("loyalty").await?;
    context.fleet.faults.change_settings("loyalty", SLOWLY).await?;
    context.fleet.broker().await?.delete_queue("loyalty").await?;
    context.put_on_load();
    context.finish_load().await?;
    context.say("loyalty catches up");
    context.fleet.faults.release("loyalty").await?;
    context.until_ready("loyalty").await
}

/// Waits until loyalty has handled so many of a hundred registrations that it missed.
async fn until_caught_up_by(context: &DrillContext<'_>, percent: usize) -> anyhow::Result<()> {
    let since = context.since;
    let handled = format!("SELECT count(*) FROM loyalty.inbox WHERE received_at >= '{since}'");
    let wanted = i64::try_from(context.registrations.len() * percent / 100)?;
    let deadline = Instant::now() + PATIENCE;
    while context.fleet.database.count(&handled).await? < wanted {
        ensure!(Instant::now() < deadline, "loyalty does not catch up");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn finish_catch_up(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    context.until_quiet(&[]).await;
    context.fleet.faults.restore("loyalty").await?;
    context.until_ready("loyalty").await
}

/// Everything that loyalty ever did is gone. It does all of it again, under the same ids, so nobody else does. What operators
/// did is not in the histories: what they once gave up as undecodable is dead again, and they give it up again.
pub async fn lose_schema(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    let given_up = context.fleet.database.undecodable("loyalty", &["discarded"]).await?;
    context.expected.rebuilt = Some("loyalty");
    context.put_on_load();
    context.until_percent(40).await?;
    context.say("loyalty's schema is lost");
    context.fleet.faults.hold("loyalty").await?;
    let again = "DROP SCHEMA loyalty CASCADE; CREATE SCHEMA loyalty AUTHORIZATION loyalty";
    context.fleet.database.execute(again).await?;
    context.until_percent(60).await?;
    context.fleet.faults.release("loyalty").await?;
    context.until_ready("loyalty").await?;
    context.lifted();
    context.finish_load().await?;
    context.until_quiet(&given_up).await;
    let dead = context.fleet.database.undecodable("loyalty", &["dead"]).await?;
    for message in dead.iter().filter(|message| given_up.contains(message)) {
        discard(
            &context.fleet.operations()?,
            Service::named("loyalty")?,
            *message,
            "given up before the schema was lost",
        )
        .await?;
    }
    if !dead.is_empty() {
        context.note(format!("{} undecodable messages came back from the history", dead.len()));
    }
    Ok(())
}
