//! A fleet of real processes on a database and a vhost of its own.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, ensure};
use e2e::{
    api::{Api, Registration, Urls},
    broker::{Broker, ensure_ordered},
    database::Database,
    eventually::eventually,
    logs::Logs,
    mailbox::Mailbox,
    services,
};
use uuid::Uuid;

use super::{
    process::Process,
    servers::{Servers, Turn, free_ports},
};

/// The fleet of one test. Dropping it ends its processes.
#[derive(Debug)]
pub struct Fleet {
    services: BTreeMap<&'static str, Process>,
    /// Started by those tests that look at it: nobody waits for it.
    pub flow_view: Process,
    pub sink: Process,
    pub api: Api,
    pub mailbox: Mailbox,
    pub database: Database,
    pub logs: Logs,
    pub servers: &'static Servers,
    pub urls: Vec<(String, String)>,
    flow_view_ops: String,
    pub name: String,
    _turn: Turn,
}

impl Fleet {
    /// A fleet whose services are ready, beside other tests' fleets.
    pub async fn start() -> anyhow::Result<Self> {
        let mut fleet = Self::prepare(false).await?;
        fleet.start_services().await?;
        Ok(fleet)
    }

    /// A fleet whose services are ready, alone on its servers: it may stop them.
    pub async fn start_alone() -> anyhow::Result<Self> {
        let mut fleet = Self::prepare(true).await?;
        fleet.start_services().await?;
        Ok(fleet)
    }

    /// A fleet of which only the mailbox runs yet.
    pub async fn prepare(alone: bool) -> anyhow::Result<Self> {
        let turn = Turn::take(alone).await;
        let servers = Servers::running().await?;
        let name = unique_name();
        let urls = servers.make(&name).await?;
        let logs = logs_of_all().join(&name);
        fs::create_dir_all(&logs)?;
        let ports = free_ports(4 + 2 * u16::try_from(services().len())?);
        let local = |port: u16| format!("127.0.0.1:{}", ports + port);
        let http = |port: u16| format!("http://{}", local(port));
        let at = |port: u16| Urls { http: http(port), ops: http(port + 1) };
        // After the sink's two and those of the flow view.
        let port_of = |name| 4 + 2 * services().iter().zip(0..).find(|(one, _)| **one == name).map_or(0, |(_, at)| at);
        let service = |name: &'static str, port: u16| {
            Process::new(name, binary(name), settings(name, &urls, [local(port), local(port + 1), local(0)]), &logs)
        };
        let mut sink = Process::new("mail-sink", binary("mail-sink"), sink(local(0), local(1)), &logs);
        sink.start()?;
        Ok(Self {
            services: services().into_iter().map(|name| (name, service(name, port_of(name)))).collect(),
            flow_view: service("flow_view", 2),
            sink,
            api: Api::new(|name| Ok(at(port_of(name))))?,
            mailbox: Mailbox::new(&http(1))?,
            database: Database::new(url(&urls, "POSTGRES_ADMIN_URL")?)?,
            logs: Logs::new(logs),
            servers,
            urls,
            flow_view_ops: http(3),
            name,
            _turn: turn,
        })
    }

    /// Starts all services, and waits until they are ready.
    pub async fn start_services(&mut self) -> anyhow::Result<()> {
        for service in services() {
            self.service(service).start()?;
        }
        self.until_ready().await
    }

    /// The process of a service.
    pub fn service(&mut self, name: &str) -> &mut Process {
        self.services.get_mut(name).unwrap_or_else(|| panic!("no service {name}"))
    }

    /// Waits until every service says that it is ready.
    pub async fn until_ready(&self) -> anyhow::Result<()> {
        for service in services() {
            self.api.until_ready(service).await?;
        }
        Ok(())
    }

    /// Waits until every service consumes its queue: for its first ten seconds it handles what the histories bring.
    pub async fn until_caught_up(&self) -> anyhow::Result<()> {
        for service in services() {
            self.api.until_caught_up(service).await?;
        }
        Ok(())
    }

    /// Fails if a service has ended by itself.
    pub fn ensure_running(&mut self) -> anyhow::Result<()> {
        services().into_iter().try_for_each(|service| self.service(service).ensure_running())
    }

    /// Every service's operations port, as `CUSTOMER_OPS_URL` and so on.
    pub fn operations_urls(&self) -> Vec<(String, String)> {
        let urls = services().into_iter().map(|service| (service, &self.api.urls(service).ops));
        let urls = urls.chain([("flow_view", &self.flow_view_ops)]);
        urls.map(|(service, url)| (format!("{}_OPS_URL", service.to_uppercase()), url.clone())).collect()
    }

    /// One of the URLs that `scripts/servers env` prints.
    pub fn url(&self, name: &str) -> anyhow::Result<&str> {
        url(&self.urls, name)
    }

    /// The broker, as its administrator.
    pub async fn broker(&self) -> anyhow::Result<Broker> {
        Broker::connect(self.url("AMQP_ADMIN_URL")?).await
    }

    /// The verdict on every guarantee after whatever was done to the fleet: each of these registrations, which are all
    /// there were, is onboarded, its points are booked once, it has one mail, and histories are in order.
    pub async fn ensure_all_onboarded(&mut self, registrations: &[Registration]) -> anyhow::Result<()> {
        ensure!(!registrations.is_empty(), "nobody registered");
        for registration in registrations {
            self.api.until_status(registration.customer_id, "onboarded").await?;
        }
        self.database.until_quiescent().await?;
        let customers = self.database.count("SELECT count(*) FROM customer.customers").await?;
        ensure!(customers == i64::try_from(registrations.len())?, "{customers} customers, {}", registrations.len());
        for service in services() {
            let parked = self.database.parked(service).await?;
            ensure!(parked.is_empty(), "parked in {service}: {parked:?}");
        }
        self.ensure_effects_once(registrations).await?;
        self.ensure_histories_ordered().await?;
        self.ensure_logs_clean(registrations)?;
        self.ensure_running()
    }

    async fn ensure_effects_once(&self, registrations: &[Registration]) -> anyhow::Result<()> {
        let mails = self.mailbox.by_address().await?;
        for registration in registrations {
            let ledger = self.api.ledger(registration.customer_id).await?;
            ensure!(ledger == [100], "the ledger of {registration:?} is {ledger:?}");
            let ids = mails.get(&registration.email);
            ensure!(ids.is_some_and(|ids| ids.len() == 1), "the mails to {registration:?} are {ids:?}");
        }
        Ok(())
    }

    /// Whatever happened, logs hold no personal data, and nothing that a service calls an error.
    fn ensure_logs_clean(&self, registrations: &[Registration]) -> anyhow::Result<()> {
        for service in services() {
            let text = self.logs.text(service)?;
            ensure!(!text.contains(r#""level":"ERROR""#), "{service} logs an error");
            ensure!(!text.contains("Lovelace"), "{service} logs a name");
            let address = registrations.iter().find(|one| text.contains(&one.email));
            ensure!(address.is_none(), "{service} logs the address of {address:?}");
        }
        Ok(())
    }

    /// Every published event is in its owner's history, in order per customer.
    pub async fn ensure_histories_ordered(&self) -> anyhow::Result<()> {
        let broker = self.broker().await?;
        for owner in services() {
            let published = self.database.published(owner).await?;
            ensure_ordered(&broker.history(owner, &published).await?)?;
        }
        Ok(())
    }

    /// Waits for `message` to stand in the log of `service` at least `count` times for the event `id`.
    pub async fn until_logged(&self, service: &str, message: &str, id: Uuid, count: usize) -> anyhow::Result<()> {
        eventually(&format!("{service} logs {message:?} about {id} {count} times"), || async {
            let hops = self.logs.hops()?;
            let lines =
                hops.iter().filter(|hop| hop.service == service && hop.message == message && hop.event_id == id);
            let found = lines.count();
            ensure!(found >= count, "{found} times so far");
            Ok(())
        })
        .await
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Shown if the test fails.
        client::output::tell(format_args!("logs: {}", logs_of_all().join(&self.name).display()));
        for process in self.services.values_mut().chain([&mut self.flow_view, &mut self.sink]) {
            process.end();
        }
        self.servers.drop_both(&self.name);
    }
}

/// Where the logs of this run are; those of the last are removed.
fn logs_of_all() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults");
        let _ = fs::remove_dir_all(&folder);
        folder
    });
    &FOLDER
}

/// The test's name, made unique.
fn unique_name() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let thread = std::thread::current();
    let test = thread.name().and_then(|name| name.rsplit("::").next()).unwrap_or("test");
    // Postgres cuts names at 63 bytes.
    format!("{:02}-{}", COUNT.fetch_add(1, Ordering::Relaxed), &test[..test.len().min(50)])
}

/// Cargo puts tests in `deps`, beside the binaries. `E2E_BIN_DIR` says otherwise: to try other builds of the services.
pub fn binary(name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("E2E_BIN_DIR") {
        return Path::new(&folder).join(name);
    }
    let mut path = std::env::current_exe().unwrap_or_default();
    path.pop();
    path.pop();
    path.join(name)
}

fn settings(name: &str, urls: &[(String, String)], [http, ops, smtp]: [String; 3]) -> Vec<(String, String)> {
    let of = |kind: &str| url(urls, &format!("{}_{kind}", name.to_uppercase())).unwrap_or_default().to_owned();
    let settings = [
        ("DATABASE_URL", of("DATABASE_URL")),
        ("AMQP_URL", of("AMQP_URL")),
        ("HTTP_ADDR", http),
        ("OPS_ADDR", ops),
        ("SMTP_URL", format!("smtp://{smtp}")),
    ];
    settings.map(|(name, value)| (name.to_owned(), value)).into()
}

fn sink(smtp: String, http: String) -> Vec<(String, String)> {
    vec![("SMTP_ADDR".into(), smtp), ("HTTP_ADDR".into(), http)]
}

fn url<'a>(urls: &'a [(String, String)], name: &str) -> anyhow::Result<&'a str> {
    let found = urls.iter().find(|(known, _)| known == name);
    Ok(&found.with_context(|| format!("no {name}"))?.1)
}
