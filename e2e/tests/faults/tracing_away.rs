//! The tracing backend is a guest: the dance goes on without it.

use std::time::Duration;

use anyhow::ensure;
use e2e::services;
use serde_json::Value;

use super::{harness::Fleet, servers::free_ports};

#[tokio::test]
async fn without_its_tracing_backend_the_fleet_works_and_each_service_complains_once() -> anyhow::Result<()> {
    let mut fleet = Fleet::prepare(false).await?;
    let nobody = format!("http://127.0.0.1:{}", free_ports(1));
    for service in services() {
        fleet.service(service).set("OTEL_EXPORTER_OTLP_ENDPOINT", &nobody);
        fleet.service(service).set("OTEL_BSP_SCHEDULE_DELAY", "100");
    }
    fleet.start_services().await?;
    let mut registrations = Vec::new();
    for turn in 0..5 {
        let registration = fleet.api.register(&format!("ada{turn}@example.com")).await?;
        fleet.api.until_status(registration.customer_id, "onboarded").await?;
        registrations.push(registration);
    }
    fleet.ensure_all_onboarded(&registrations).await?;
    for service in services() {
        // The end exports what is left: by then every batch has failed that will.
        let status = fleet.service(service).terminate(Duration::from_secs(10)).await?;
        ensure!(status.success(), "{service} ended with {status}");
        let lines = fleet.logs.text(service)?;
        let loud = |line: &Value| ["WARN", "ERROR"].iter().any(|level| line["level"] == *level);
        let complaints: Vec<Value> =
            lines.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(loud).collect();
        let about_tracing =
            |line: &&Value| line["message"].as_str().is_some_and(|text| text.contains("tracing backend"));
        let count = complaints.iter().filter(about_tracing).count();
        ensure!(count == 1, "{service} complains {count} times: {complaints:?}");
    }
    Ok(())
}
