//! The fleet and its Prometheus, for one test at a time; and traffic, without which most series do not exist.

use std::{env, path::PathBuf, time::Duration};

use anyhow::Context;
use e2e::{
    api::{Api, Urls, address},
    processes::Processes,
    prometheus::Prometheus,
};
use tokio::{
    sync::{Mutex, MutexGuard},
    task::JoinHandle,
    time::sleep,
};

/// Between two turns of the traffic.
const REST: Duration = Duration::from_millis(500);

/// One test stops a service, which the others need.
static STAGE: Mutex<()> = Mutex::const_new(());

/// A fleet that nobody else tests.
pub struct Stage {
    pub api: Api,
    pub prometheus: Prometheus,
    pub processes: Processes,
    flow_view: Urls,
    _turn: MutexGuard<'static, ()>,
}

/// Goes on until it is dropped.
pub struct Traffic(JoinHandle<()>);

impl Drop for Traffic {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Stage {
    /// Waits for its turn.
    pub async fn enter() -> anyhow::Result<Self> {
        Ok(Self {
            api: Api::of_settings(variable)?,
            prometheus: Prometheus::new(&variable("PROMETHEUS_URL")?)?,
            processes: Processes::new(PathBuf::from(variable("FLEET_DIR")?).join("run")),
            flow_view: urls("FLOW_VIEW")?,
            _turn: STAGE.lock().await,
        })
    }

    /// Registrations, some of them with an address that is refused, and a look at each service's public API.
    pub fn traffic(&self) -> Traffic {
        let (api, flow_view) = (self.api.clone(), self.flow_view.http.clone());
        Traffic(tokio::spawn(async move {
            for domain in ["example.com", "refused.test"].into_iter().cycle() {
                // Whether all went well is asked of Prometheus.
                let _ = turn(&api, &flow_view, domain).await;
                sleep(REST).await;
            }
        }))
    }
}

async fn turn(api: &Api, flow_view: &str, domain: &str) -> anyhow::Result<()> {
    let customer = api.register(&address(domain)).await?.customer_id;
    api.account(customer).await?;
    api.emails(customer).await?;
    api.get(&format!("{flow_view}/flows")).await.map(drop)
}

fn variable(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("{name} is not set: run these tests by scripts/e2e --monitoring"))
}

fn urls(service: &str) -> anyhow::Result<Urls> {
    Ok(Urls { http: variable(&format!("{service}_URL"))?, ops: variable(&format!("{service}_OPS_URL"))? })
}
