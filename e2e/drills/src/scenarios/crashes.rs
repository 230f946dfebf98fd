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
enum Disruption {
    Broker,
    Database,
    Service(&'static str),
}

/// Everything, one after the other, while ten thousand register.
pub async fn grand(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    const DISRUPTIONS: [Disruption; 9] = [
        Disruption::Service("loyalty"),
        Disruption::Broker,
        Disruption::Service("customer"),
        Disruption::Service("email"),
        Disruption::Database,
        Disruption::Service("loyalty"),
        Disruption::Broker,
        Disruption::Service("email"),
        Disruption::Service("customer"),
    ];
    context.put_on_load();
    let mut percent = 5;
    for disruption in DISRUPTIONS {
        context.until_percent(percent).await?;
        strike(context, disruption).await?;
        context.lifted();
        context.say("load");
        percent += 9;
    }
    context.finish_load().await
}

async fn strike(context: &mut DrillContext<'_>, disruption: Disruption) -> anyhow::Result<()> {
    let faults = &context.fleet.faults;
    let server = match disruption {
        Disruption::Service(service) => {
            context.say(&format!("SIGKILL for {service}"));
            faults.kill(service).await?;
            return context.until_ready(service).await;
        }
        Disruption::Broker => "rabbitmq",
        Disruption::Database => "postgres",
    };
    context.say(&format!("{server} restarts"));
    faults.stop(server).await?;
    sleep(Duration::from_secs(1)).await;
    faults.start(server).await
}
