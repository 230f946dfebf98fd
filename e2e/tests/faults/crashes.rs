//! Services that die or are told to stop in the middle of their work.

use std::time::Duration;

use anyhow::ensure;
use e2e::{load::Load, services};

use super::harness::Fleet;

const CLIENTS: usize = 8;
/// How many register at once, and after how many of them a service is struck: the rest and what they set off are on
/// their way then.
const BURST: usize = 32;
const STRUCK_AFTER: usize = 12;

#[tokio::test]
async fn killing_each_service_in_mid_flow_loses_nothing_and_does_nothing_twice() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let mut registrations = Vec::new();
    // The first round meets services that still read the histories, the second such that consume their queues.
    for round in 0..2 {
        if round == 1 {
            fleet.until_caught_up().await?;
        }
        for service in services() {
            let load = Load::burst(&fleet.api, CLIENTS, BURST);
            load.until_more(STRUCK_AFTER).await?;
            fleet.service(service).kill().await?;
            fleet.service(service).start()?;
            registrations.extend(load.finish().await?);
        }
    }
    fleet.ensure_all_onboarded(&registrations).await
}

#[tokio::test]
async fn sigterm_under_load_ends_each_service_within_ten_seconds_and_loses_nothing() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    fleet.until_caught_up().await?;
    let mut registrations = Vec::new();
    for service in services() {
        let load = Load::burst(&fleet.api, CLIENTS, BURST);
        load.until_more(STRUCK_AFTER).await?;
        let status = fleet.service(service).terminate(Duration::from_secs(10)).await?;
        ensure!(status.success(), "{service} ended with {status}");
        fleet.service(service).start()?;
        registrations.extend(load.finish().await?);
    }
    fleet.ensure_all_onboarded(&registrations).await
}
