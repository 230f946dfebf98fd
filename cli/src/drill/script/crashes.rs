//! Processes that die in the middle of their work.

use std::time::Duration;

use tokio::time::sleep;

use crate::drill::stage::Stage;

/// Twice in mid-load; the supervisor starts it again.
pub async fn kill(stage: &mut Stage<'_>, service: &'static str) -> anyhow::Result<()> {
    stage.put_on_load();
    for percent in [30, 70] {
        stage.until_percent(percent).await?;
        stage.say(&format!("SIGKILL for {service}"));
        stage.fleet.faults.kill(service).await?;
        stage.until_ready(service).await?;
        stage.lifted();
        stage.say("load");
    }
    stage.finish_load().await
}

/// What strikes in the grand drill.
#[derive(Clone, Copy, Debug)]
enum Blow {
    Broker,
    Database,
    Service(&'static str),
}

/// Everything, one after the other, while ten thousand register.
pub async fn grand(stage: &mut Stage<'_>) -> anyhow::Result<()> {
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
    stage.put_on_load();
    let mut percent = 5;
    for blow in BLOWS {
        stage.until_percent(percent).await?;
        strike(stage, blow).await?;
        stage.lifted();
        stage.say("load");
        percent += 9;
    }
    stage.finish_load().await
}

async fn strike(stage: &mut Stage<'_>, blow: Blow) -> anyhow::Result<()> {
    let faults = &stage.fleet.faults;
    let server = match blow {
        Blow::Service(service) => {
            stage.say(&format!("SIGKILL for {service}"));
            faults.kill(service).await?;
            return stage.until_ready(service).await;
        }
        Blow::Broker => "rabbitmq",
        Blow::Database => "postgres",
    };
    stage.say(&format!("{server} restarts"));
    faults.stop(server).await?;
    sleep(Duration::from_secs(1)).await;
    faults.start(server).await
}
