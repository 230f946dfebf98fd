//! The broker or the database is away, by order or by crash, while customers register.

use std::time::Duration;

use anyhow::ensure;
use e2e::{SERVICES, load::Load};

use super::harness::Fleet;

/// How long a server is away: long enough for every retry in the fleet to have come round.
const AWAY: Duration = Duration::from_secs(10);
/// Slow clients: a run of a minute is to leave hundreds of registrations, not thousands.
const PAUSE: Duration = Duration::from_millis(400);
const CLIENTS: usize = 4;

#[tokio::test]
async fn a_broker_that_stops_or_crashes_loses_nothing_while_customers_go_on_registering() -> anyhow::Result<()> {
    let mut fleet = Fleet::start_alone().await?;
    let load = Load::steady(&fleet.api, CLIENTS, PAUSE);
    for round in ["stopped", "killed"] {
        load.until_more(CLIENTS).await?;
        match round {
            "stopped" => fleet.servers.stop("rabbitmq").await?,
            _ => fleet.servers.kill("rabbitmq").await?,
        }
        for service in SERVICES {
            fleet.api.until_down(service, &["relay", "router"]).await?;
        }
        // No service waits for another, nor for the broker: registrations are acknowledged meanwhile.
        let away = tokio::time::sleep(AWAY);
        load.until_more(10 * CLIENTS).await?;
        away.await;
        fleet.servers.start("rabbitmq").await?;
        fleet.until_ready().await?;
        fleet.ensure_running()?;
    }
    load.until_more(CLIENTS).await?;
    let registrations = load.finish().await?;
    fleet.ensure_all_onboarded(&registrations).await
}

#[tokio::test]
async fn a_database_that_stops_or_crashes_refuses_registrations_and_loses_none() -> anyhow::Result<()> {
    let mut fleet = Fleet::start_alone().await?;
    let load = Load::steady(&fleet.api, CLIENTS, PAUSE);
    for round in ["stopped", "killed"] {
        load.until_more(CLIENTS).await?;
        match round {
            "stopped" => fleet.servers.stop("postgres").await?,
            _ => fleet.servers.kill("postgres").await?,
        }
        let away = tokio::time::sleep(AWAY);
        load.until_refused().await?.expect_problem(503)?;
        for service in SERVICES {
            fleet.api.until_down(service, &["database"]).await?;
        }
        away.await;
        fleet.servers.start("postgres").await?;
        fleet.until_ready().await?;
        fleet.ensure_running()?;
    }
    load.until_more(CLIENTS).await?;
    let registrations = load.finish().await?;
    fleet.ensure_all_onboarded(&registrations).await
}

#[tokio::test]
async fn a_fleet_that_starts_before_its_servers_is_alive_says_that_it_is_not_ready_and_recovers() -> anyhow::Result<()>
{
    let mut fleet = Fleet::prepare(true).await?;
    fleet.servers.stop("all").await?;
    for service in SERVICES {
        fleet.service(service).start()?;
    }
    for service in SERVICES {
        fleet.api.until_down(service, &["database"]).await?;
        let live = fleet.api.get(&format!("{}/health/live", fleet.api.urls(service).ops)).await?;
        ensure!(live.status == 200, "{service} is not alive: {}", live.text);
    }
    fleet.servers.start("all").await?;
    fleet.until_ready().await?;
    fleet.ensure_running()?;
    let registration = fleet.api.register("ada@example.com").await?;
    fleet.ensure_all_onboarded(&[registration]).await
}
