//! The broker or the database is unreachable, by order or by crash, while customers register.

use std::time::Duration;

use anyhow::ensure;
use e2e::{load::Load, services};

use super::harness::Fleet;

/// How long a server is unreachable: long enough for every retry in the fleet to have come round.
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
        for service in services() {
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
    for (service, connection) in
        services().into_iter().flat_map(|service| [(service, "publisher"), (service, "subscriber")])
    {
        let metric = |name| format!("{name}{{connection=\"{connection}\"}}");
        let connected = fleet.api.metric(service, &metric("broker_connected")).await?;
        let reconnects = fleet.api.metric(service, &metric("broker_reconnects_total")).await?;
        ensure!(
            connected == Some(1.0) && reconnects >= Some(2.0),
            "{service}, {connection}: {connected:?} {reconnects:?}"
        );
    }
    fleet.ensure_all_onboarded(&registrations).await
}

#[tokio::test]
async fn a_broker_that_blocks_publishers_is_waited_out_and_said_once() -> anyhow::Result<()> {
    let mut fleet = Fleet::start_alone().await?;
    fleet.until_caught_up().await?;
    let load = Load::steady(&fleet.api, CLIENTS, PAUSE);
    load.until_more(CLIENTS).await?;
    fleet.servers.alarm(true).await?;
    let during = async {
        fleet.api.until_down("customer", &["relay"]).await?;
        ensure!(fleet.api.metric("customer", "broker_blocked").await? == Some(1.0), "it does not say so");
        let before = fleet.database.count("SELECT count(*) FROM customer.outbox WHERE published_at IS NULL").await?;
        load.until_more(5 * CLIENTS).await?;
        let waiting = fleet.database.count("SELECT count(*) FROM customer.outbox WHERE published_at IS NULL").await?;
        ensure!(waiting > before, "{before} events waited, and now {waiting}");
        anyhow::Ok(())
    };
    let result = during.await;
    // Whatever happened: the other tests need the broker.
    fleet.servers.alarm(false).await?;
    result?;
    fleet.until_ready().await?;
    load.until_more(CLIENTS).await?;
    let registrations = load.finish().await?;
    ensure!(fleet.api.metric("customer", "broker_blocked").await? == Some(0.0), "it is still said to be blocked");
    let said = fleet.logs.text("customer")?.matches("the broker blocks publishers").count();
    ensure!(said == 1, "customer says {said} times that it is blocked");
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
        for service in services() {
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
    for service in services() {
        fleet.service(service).start()?;
    }
    for service in services() {
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
