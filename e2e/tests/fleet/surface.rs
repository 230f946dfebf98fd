//! What every service shows of itself.

use anyhow::{Context, ensure};
use e2e::services;

use super::environment::api;

#[tokio::test]
async fn each_service_describes_its_api() -> anyhow::Result<()> {
    let api = api()?;
    for (service, path) in [("customer", "/customers"), ("email", "/emails"), ("loyalty", "/accounts/{customer_id}")] {
        let url = &api.urls(service).http;
        let description = api.get(&format!("{url}/openapi.json")).await?.json();
        ensure!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{description}");
        ensure!(description["info"]["title"] == service, "{description}");
        ensure!(description["paths"][path].is_object(), "{path} is not described: {description}");
        let page = api.get(&format!("{url}/docs/")).await?;
        ensure!(page.status == 200 && page.text.contains("swagger-ui"), "{} {}", page.status, page.text);
    }
    Ok(())
}

#[tokio::test]
async fn each_service_says_that_it_is_alive_and_ready_and_why() -> anyhow::Result<()> {
    let api = api()?;
    for service in services() {
        let live = api.get(&format!("{}/health/live", api.urls(service).ops)).await?;
        ensure!(live.status == 200, "{service}: {live:?}");
        let ready = api.ready(service).await?;
        ensure!(ready.status == 200, "{service}: {}", ready.text);
        let parts = ready.json()["parts"].as_object().cloned().context("no parts")?;
        for part in ["database", "relay", "router", "tables"] {
            ensure!(parts.get(part).is_some_and(|part| part["status"] == "up"), "{service}, {part}: {}", ready.text);
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_operations_port_is_not_the_public_one() -> anyhow::Result<()> {
    let api = api()?;
    for service in services() {
        api.get(&format!("{}/health/ready", api.urls(service).http)).await?.expect_problem(404)?;
    }
    Ok(())
}
