//! One look at the metrics of every service.

use std::time::{Duration, Instant};

use client::{FleetDir, Service, http};
use metrics::scrape::Scrape;
use reqwest::Client;
use tokio::task::JoinSet;

/// Who does not answer within this is unreachable.
const PATIENCE: Duration = Duration::from_secs(2);

/// The services, and where their metrics are.
pub struct Services {
    client: Client,
    urls: Vec<(Service, String)>,
}

/// What the services said.
pub struct Look {
    pub at: Instant,
    /// In the order of the services; `None` if one is unreachable.
    pub services: Vec<(Service, Option<Scrape>)>,
}

impl Services {
    /// All of the fleet.
    pub fn find(fleet: &FleetDir) -> anyhow::Result<Self> {
        let urls =
            Service::all().iter().map(|&service| Ok((service, format!("{}/metrics", service.operations_url(fleet)?))));
        Ok(Self { client: http::client()?, urls: urls.collect::<anyhow::Result<_>>()? })
    }

    /// Asks all of them at once.
    pub async fn look(&self) -> Look {
        let (at, mut asking) = (Instant::now(), JoinSet::new());
        for (position, (service, url)) in self.urls.iter().cloned().enumerate() {
            let request = self.client.get(url).timeout(PATIENCE);
            asking.spawn(async move {
                let text = async { http::send(request).await?.text().await.map_err(anyhow::Error::from) }.await;
                (position, (service, text.ok().map(|text| Scrape::parse(&text))))
            });
        }
        let mut services = asking.join_all().await;
        services.sort_by_key(|(position, _)| *position);
        Look { at, services: services.into_iter().map(|(_, service)| service).collect() }
    }
}
