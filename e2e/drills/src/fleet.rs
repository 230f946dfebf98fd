//! The fleet that is drilled: where it answers, and whether it is there and quiet.

use std::{collections::HashMap, env, fs, time::Duration};

use anyhow::{Context, bail, ensure};
use client::{FleetDir, Operations};
use e2e::{api::Api, broker::Broker, database::Database, docker, logs::Logs, mailbox::Mailbox, services};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{containers::Containers, faults::Faults, process_control::ProcessControl};

/// How long a fleet may take to come to rest before a drill.
const SETTLING: Duration = Duration::from_secs(30);

/// A running fleet, and what breaks it.
#[derive(Debug)]
pub struct Fleet {
    pub api: Api,
    pub database: Database,
    pub mailbox: Mailbox,
    /// What the services write, where it is in files.
    pub logs: Option<Logs>,
    pub faults: Faults,
    settings: HashMap<String, String>,
}

impl Fleet {
    /// The fleet that `scripts/up` has started in `folder`.
    pub fn native(folder: &FleetDir) -> anyhow::Result<Self> {
        let settings = folder.settings()?.context("no fleet runs here: start it with scripts/up")?;
        let get = |name: &str| settings.get(name).with_context(|| format!("{name} is not in the fleet's env"));
        let control = ProcessControl::native(fs::canonicalize(folder.path())?, get("SCRIPTS_DIR")?.into());
        let logs = Logs::new(get("LOGS_DIR")?);
        Self::new(settings, control, Some(logs))
    }

    /// The fleet that docker compose has started, and we among it: the environment says where everything is.
    pub fn composed() -> anyhow::Result<Self> {
        let (containers, folder) = (Containers::ours()?, env::temp_dir());
        docker::keep_logs(&containers.docker, &folder, &services(), now())?;
        Self::new(env::vars().collect(), ProcessControl::Compose(containers), Some(Logs::new(folder)))
    }

    fn new(settings: HashMap<String, String>, control: ProcessControl, logs: Option<Logs>) -> anyhow::Result<Self> {
        let get = |name: &str| settings.get(name).with_context(|| format!("{name} is not in the fleet's env"));
        let mailbox = Mailbox::new(get("MAIL_URL")?)?;
        Ok(Self {
            api: Api::of_settings(|name| Ok(get(name)?.clone()))?,
            database: Database::new(get("POSTGRES_ADMIN_URL")?)?,
            faults: Faults::new(control, mailbox.clone()),
            logs,
            mailbox,
            settings,
        })
    }

    /// A value of the fleet's env.
    pub fn setting(&self, name: &str) -> anyhow::Result<&str> {
        self.settings.get(name).map(String::as_str).with_context(|| format!("{name} is not in the fleet's env"))
    }

    /// The broker, as its administrator.
    pub async fn broker(&self) -> anyhow::Result<Broker> {
        Broker::connect(self.setting("AMQP_ADMIN_URL")?).await
    }

    /// The services' administration.
    pub fn operations(&self) -> anyhow::Result<Operations> {
        self.api.operations(self.setting("ADMIN_TOKEN")?)
    }

    /// Whether the services answer operators.
    pub fn can_be_administered(&self) -> bool {
        self.settings.get("ADMIN_TOKEN").is_some_and(|token| !token.is_empty())
    }

    /// Fails unless everything runs and nothing is under way.
    pub async fn ensure_ready(&self) -> anyhow::Result<()> {
        if let ProcessControl::Native { processes, .. } = &self.faults.control {
            for process in services().into_iter().chain(["supervisor", "mail-sink"]) {
                ensure!(processes.find(process).is_some(), "{process} does not run: start it with scripts/up");
            }
        }
        let deadline = Instant::now() + SETTLING;
        loop {
            let problem = match self.problem().await {
                Ok(None) => return Ok(()),
                Ok(Some(problem)) => problem,
                Err(error) => format!("{error:#}"),
            };
            if Instant::now() >= deadline {
                bail!("the fleet is not quiet, so nobody could tell what the drill did: {problem}");
            }
            sleep(Duration::from_millis(250)).await;
        }
    }

    async fn problem(&self) -> anyhow::Result<Option<String>> {
        for service in services() {
            let router = self.api.ready(service).await?;
            if router.status != 200 || !router.json()["parts"]["router"]["waiting_for"].is_null() {
                return Ok(Some(format!("{service} says {}", router.text)));
            }
        }
        let lately = now() - SignedDuration::from_mins(10);
        let unrest = self.unrest(lately, &[]).await?;
        Ok((!unrest.is_empty()).then(|| unrest.join("; ")))
    }

    /// What is under way of what was recorded since `since`, or lies in a queue.
    pub async fn unrest(&self, since: Timestamp, except: &[Uuid]) -> anyhow::Result<Vec<String>> {
        let under_way = self.database.under_way(since, except).await?;
        if !under_way.is_empty() {
            return Ok(under_way.into_iter().map(|(what, count)| format!("{what}: {count}")).collect());
        }
        let broker = self.broker().await?;
        let mut unrest = Vec::new();
        for queue in services().into_iter().flat_map(|service| [service.to_owned(), format!("{service}.dead")]) {
            match broker.ready(&queue).await? {
                Some(0) => {}
                Some(count) => unrest.push(format!("in the queue {queue}: {count}")),
                None => unrest.push(format!("there is no queue {queue}")),
            }
        }
        Ok(unrest)
    }
}

/// The wall clock: what the services' rows and the broker's streams are marked with.
#[expect(clippy::disallowed_methods, reason = "a drill has no clock to be moved")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
