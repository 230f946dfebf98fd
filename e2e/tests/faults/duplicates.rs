//! Copies of everything.

use anyhow::ensure;
use e2e::{api::address, events, services, subscribers};

use super::harness::Fleet;

#[tokio::test]
async fn a_second_and_third_copy_of_every_event_change_nothing() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    for domain in ["example.com", "refused.test"] {
        for _ in 0..5 {
            fleet.api.register(&address(domain)).await?;
        }
    }
    fleet.until_caught_up().await?;
    fleet.database.until_quiescent().await?;
    let before = fleet.database.snapshot().await?;

    let broker = fleet.broker().await?;
    let mut copied = Vec::new();
    for owner in services() {
        let published = fleet.database.published(owner).await?;
        copied.extend(broker.history(owner, &published).await?);
    }
    for (event, ..) in events() {
        ensure!(copied.iter().any(|copy| copy.exchange == event), "there was no {event} to copy");
    }
    let mut lines = Vec::new();
    for event in &copied {
        for service in subscribers(&event.exchange) {
            let hops = fleet.logs.hops()?;
            let same = |hop: &&e2e::logs::Hop| hop.event_id == event.id && hop.service == *service;
            let known = hops.iter().filter(same).filter(|hop| hop.message == "event already handled").count();
            lines.push((service, event.id, known + 2));
        }
        event.publish_copy(&broker).await?;
        event.publish_copy(&broker).await?;
    }
    for (service, id, count) in lines {
        fleet.until_logged(service, "event already handled", id, count).await?;
    }
    let after = fleet.database.snapshot().await?;
    for (before, after) in before.iter().zip(&after) {
        ensure!(before == after, "{} has changed:\n{}\n{}", before.0, before.1, after.1);
    }
    Ok(())
}
