//! Processes that die in the middle of their work.

use std::time::Duration;

use tokio::time::sleep;

use crate::context::DrillContext;

/// Twice in mid-load; the supervisor starts it again.
pub async fn kill(context: &mut DrillContext<'_>, service: &'static str) -> anyhow::Result<()> {
    context.put_on_load();
    for percent in [30, 70] {
        context.until_percent(percent).await?;
        context.say(&format!("SIGKILL for {service}"));
        context.fleet.faults.kill(service).await?;
        context.until_ready(service).await?;
        context.lifted();
        context.say("load");
    }
    context.finish_load().await
}

/// What strikes in the grand drill.
#[derive(Clone, Copy, Debug)]
enum Blow {
    Broker,
    Database,
    Service(&'static str),
}

/// Everything, one after the other, while ten thousand register.
pub async fn grand(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    const BLOWS: [Blow; 9] = [
        Blow::Service("loyalty"),
        Blow::Broker,
        Blow::Service("customer"),
        Blow::Service("email"),
        Blow::Database,
        Blow::Service("loyalty"),
        Blow::Broker,
        Blow::Service("email"),
        Blow::Service("customer"),
    ];
    context.put_on_load();
    let mut percent = 5;
    for blow in BLOWS {
        context.until_percent(percent).await?;
        strike(context, blow).await?;
        context.lifted();
        context.say("load");
        percent += 9;
    }
    context.finish_load().await
}

async fn strike(context: &mut DrillContext<'_>, blow: Blow) -> anyhow::Result<()> {
    let faults = &context.fleet.faults;
    let server = match blow {
        Blow::Service(service) => {
            context.say(&format!("SIGKILL for {service}"));
            faults.kill(service).await?;
            return context.until_ready(service).await;
        }
        Blow::Broker => "rabbitmq",
        Blow::Database => "postgres",
    };
    context.say(&format!("{server} restarts"));
    faults.stop(server).await?;
    sleep(Duration::from_secs(1)).await;
    faults.start(server).await
}
