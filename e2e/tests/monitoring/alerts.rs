//! Alerts, seen to fire and to clear up by themselves.

use anyhow::{Context, ensure};
use e2e::{api::address, eventually::eventually, processes::Processes, prometheus::Alert};

use super::environment::Stage;

/// Whatever becomes of the test, the service may come back.
struct Held<'a>(&'a Processes);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let _ = self.0.release("loyalty");
    }
}

#[tokio::test]
async fn a_stopped_service_is_named_by_alerts_that_clear_up_by_themselves() -> anyhow::Result<()> {
    let stage = Stage::enter().await?;
    let held = Held(&stage.processes);
    stage.processes.hold("loyalty", "TERM").await?;
    let customer = stage.api.register(&address("example.com")).await?.customer_id;

    let (away, stuck) = (("ServiceAway", ("job", "loyalty")), ("FlowStuck", ("service", "loyalty")));
    for (rule, label) in [away, stuck] {
        let alert = eventually(&format!("{rule} fires"), || firing(&stage, rule, label)).await?;
        ensure!(alert.annotations["summary"].contains("loyalty"), "{alert:?}");
        ensure!(!alert.annotations["description"].is_empty(), "{alert:?}");
    }

    drop(held);
    stage.api.until_status(customer, "onboarded").await?;
    eventually("both have cleared up", || async {
        let alerts = stage.prometheus.alerts().await?;
        let left = alerts.iter().find(|alert| [away, stuck].iter().any(|(rule, label)| alert.is(rule, *label)));
        ensure!(left.is_none(), "{left:?}");
        Ok(())
    })
    .await
}

async fn firing(stage: &Stage, rule: &str, label: (&str, &str)) -> anyhow::Result<Alert> {
    let alerts = stage.prometheus.alerts().await?;
    let found = alerts.iter().find(|alert| alert.is(rule, label) && alert.state == "firing");
    found.cloned().with_context(|| format!("there are only {alerts:?}"))
}
