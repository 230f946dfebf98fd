//! Who comes late, or loses a queue or a binding, reads what was missed from the owners' histories.

use anyhow::ensure;
use e2e::api::{Registration, address};

use super::harness::Fleet;

#[tokio::test]
async fn services_may_start_in_any_order() -> anyhow::Result<()> {
    let mut fleet = Fleet::prepare(false).await?;
    for service in ["loyalty", "email"] {
        fleet.service(service).start()?;
    }
    for service in ["loyalty", "email"] {
        // Ready for what it can do, and it names what it waits for: the exchanges of an owner who has never been there.
        fleet.api.until_ready(service).await?;
        let router = fleet.api.ready(service).await?.json()["parts"]["router"].clone();
        ensure!(router["waiting_for"].as_str().is_some_and(|what| what.contains("customer_created")), "{router}");
    }
    fleet.service("customer").start()?;
    fleet.api.until_ready("customer").await?;
    let registration = fleet.api.register("ada@example.com").await?;
    fleet.ensure_all_onboarded(&[registration]).await
}

#[tokio::test]
async fn services_that_first_start_after_500_registrations_handle_them_all_once_and_in_order() -> anyhow::Result<()> {
    let mut fleet = Fleet::prepare(false).await?;
    fleet.service("customer").start()?;
    fleet.api.until_ready("customer").await?;
    let registrations = register(&fleet, 500).await?;
    for late in ["email", "loyalty"] {
        ensure!(!fleet.broker().await?.has_queue(late).await?, "{late} has a queue before its first start");
        fleet.service(late).start()?;
    }
    fleet.ensure_all_onboarded(&registrations).await?;
    for late in ["email", "loyalty"] {
        ensure_handled_in_order(&fleet, late).await?;
    }
    Ok(())
}

/// Each once, as they stand in the history.
async fn ensure_handled_in_order(fleet: &Fleet, service: &str) -> anyhow::Result<()> {
    let published = fleet.database.published("customer").await?;
    let mut expected = fleet.broker().await?.history("customer", &published).await?;
    expected.retain(|event| event.exchange == "customer_created");
    let hops = fleet.logs.hops()?;
    let handled = hops.iter().filter(|hop| hop.is((service, "event handled", "customer_created")));
    ensure!(
        handled.map(|hop| hop.event_id).eq(expected.iter().map(|event| event.id)),
        "{service} has not handled the events of the history as they stand there"
    );
    Ok(())
}

#[tokio::test]
async fn a_deleted_queue_and_a_lost_binding_are_healed_from_the_history() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    fleet.until_caught_up().await?;
    let mut registrations = register(&fleet, 10).await?;
    fleet.ensure_all_onboarded(&registrations).await?;
    let broker = fleet.broker().await?;

    for service in ["loyalty", "email"] {
        broker.delete_queue(service).await?;
    }
    registrations.extend(register(&fleet, 10).await?);
    fleet.ensure_all_onboarded(&registrations).await?;
    fleet.until_caught_up().await?;

    for service in ["loyalty", "email"] {
        broker.unbind(service, "customer_created").await?;
    }
    let lost = register(&fleet, 10).await?;
    for registration in &lost {
        fleet.until_logged("customer", "event published", registration.event_id, 1).await?;
        let flow = fleet.logs.flow(registration.event_id)?;
        ensure!(flow.iter().all(|hop| hop.service == "customer"), "it arrived without a binding: {flow:?}");
    }
    registrations.extend(lost);
    // Healed within a minute by itself; a start does the same at once.
    for service in ["loyalty", "email"] {
        fleet.service(service).kill().await?;
        fleet.service(service).start()?;
    }
    fleet.ensure_all_onboarded(&registrations).await
}

async fn register(fleet: &Fleet, count: usize) -> anyhow::Result<Vec<Registration>> {
    let mut registrations = Vec::new();
    for _ in 0..count {
        registrations.push(fleet.api.register(&address("example.com")).await?);
    }
    Ok(registrations)
}
