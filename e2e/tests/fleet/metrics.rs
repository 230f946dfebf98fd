//! What the services measure, asked as a scraper and as a person would.

use std::{env, path::PathBuf, process::Command};

use anyhow::{Context, ensure};
use e2e::{api::address, eventually::eventually, services};
use serde_json::Value;

use super::environment::api;

#[tokio::test]
async fn a_registration_is_counted_on_its_way_and_its_flow_is_measured() -> anyhow::Result<()> {
    let api = api()?;
    let steps = [
        ("customer", "outbox_published_total{event_type=\"customer_created\"}"),
        ("email", "inbox_handled_total{event_type=\"customer_created\"}"),
        ("email", "mail_sent_total"),
        ("email", "flow_duration_seconds_count{event_type=\"welcome_email_sent\"}"),
        ("loyalty", "flow_duration_seconds_count{event_type=\"status_points_added\"}"),
        ("customer", "flow_duration_seconds_count{event_type=\"customer_onboarded\"}"),
    ];
    let mut before = Vec::new();
    for (service, series) in steps {
        before.push(api.metric(service, series).await?.with_context(|| format!("{service} does not export {series}"))?);
    }
    let registration = api.register(&address("example.com")).await?;
    api.until_status(registration.customer_id, "onboarded").await?;
    for ((service, series), before) in steps.into_iter().zip(before) {
        eventually(&format!("{service} counts {series}"), || async {
            let now = api.metric(service, series).await?;
            ensure!(now > Some(before), "{now:?}, and before it was {before}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn metrics_are_for_scrapers_on_the_operations_port_only() -> anyhow::Result<()> {
    let api = api()?;
    for service in services() {
        let metrics = api.get(&format!("{}/metrics", api.urls(service).ops)).await?;
        ensure!(metrics.status == 200 && metrics.text.ends_with("# EOF\n"), "{service}: {metrics:?}");
        ensure!(metrics.header("content-type").starts_with("application/openmetrics-text"), "{service}: {metrics:?}");
        ensure!(!metrics.text.contains('@'), "{service}: an address? {metrics:?}");
        api.get(&format!("{}/metrics", api.urls(service).http)).await?.expect_problem(404)?;
    }
    Ok(())
}

/// Beside this test's own program, or where cargo puts it.
fn fleet() -> anyhow::Result<PathBuf> {
    let test = env::current_exe()?;
    let mut fleets = test.ancestors().skip(1).take(2).map(|folder| folder.join("fleet"));
    fleets.find(|path| path.is_file()).context("the program fleet is not built")
}

#[tokio::test]
async fn fleet_top_shows_every_service() -> anyhow::Result<()> {
    let output = Command::new(fleet()?).args(["top", "--once", "--json"]).output()?;
    ensure!(output.status.success(), "{output:?}");
    let view: Value = serde_json::from_slice(&output.stdout)?;
    let shown = view["services"].as_array().context("no services")?;
    for service in services() {
        let line = shown.iter().find(|line| line["service"] == service);
        let line = line.with_context(|| format!("{service} is not shown"))?;
        ensure!(line["numbers"]["ready"] == true, "{line}");
        ensure!(line["numbers"]["memory_bytes"].as_f64() > Some(1e6), "{line}");
    }
    ensure!(view["flows"].as_array().is_some_and(|flows| flows.len() == 3), "{view}");
    Ok(())
}
