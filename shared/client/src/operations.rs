//! The services' operations ports, and the token that opens them.

use std::{collections::HashMap, sync::LazyLock};

use anyhow::Context;
use clap::{Args, ValueEnum, builder::PossibleValue};
use contracts::{SERVICES, ServiceInfo};
use reqwest::{Client, Method, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

use crate::{fleet_dir::FleetDir, http};

/// Services that were started without a token answer nobody.
pub const NO_TOKEN: &str = "no token: set ADMIN_TOKEN to what the services were started with; if they have none, administration \
    is shut. With Docker, this opens it: echo \"ADMIN_TOKEN=$(openssl rand -hex 16)\" >>.env && docker compose up -d --wait";

/// A service of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service(&'static ServiceInfo);

impl Service {
    /// Every service there is.
    pub fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<Service>> = LazyLock::new(|| SERVICES.iter().map(Service).collect());
        &ALL
    }

    /// The one of this name.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        let found = Self::all().iter().copied().find(|service| service.name() == name);
        found.with_context(|| format!("there is no service {name}"))
    }

    /// Its name everywhere.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Where its operations port is: by the environment, else by the fleet's folder, else where it listens by default.
    pub fn operations_url(self, fleet: &FleetDir) -> anyhow::Result<String> {
        let name = format!("{}_OPS_URL", self.name().to_uppercase());
        let default = format!("http://127.0.0.1:{}", self.0.operations_port);
        fleet.url(std::env::var(&name).ok().as_deref(), &name, &default)
    }
}

impl ValueEnum for Service {
    fn value_variants<'a>() -> &'a [Self] {
        Self::all()
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

impl Serialize for Service {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.name().serialize(to)
    }
}

/// Where the operations ports are, and who asks. `CUSTOMER_OPS_URL` and its like come from the
/// environment, else from the fleet's folder, else they are where the services listen by default.
#[derive(Clone, Debug, Args)]
pub struct OperationsArgs {
    /// The token of the operations ports; if not given, that of the running fleet.
    #[arg(long, env, hide_env_values = true, global = true)]
    admin_token: Option<SecretString>,
    /// Who you are, for the audit trail.
    #[arg(long, env = "USER", hide_env_values = true, global = true)]
    operator: Option<String>,
    #[command(flatten)]
    fleet: FleetDir,
}

/// The operations ports.
#[derive(Clone, Debug)]
pub struct Operations {
    client: Client,
    urls: HashMap<&'static str, String>,
    token: SecretString,
    operator: String,
}

impl OperationsArgs {
    /// Ready to ask.
    pub fn open(&self) -> anyhow::Result<Operations> {
        let given = self.admin_token.as_ref().map(|token| token.expose_secret().trim().to_owned());
        let token = match given.filter(|token| !token.is_empty()) {
            Some(token) => Some(token),
            None => self.fleet.setting("ADMIN_TOKEN")?.map(|token| token.trim().to_owned()),
        };
        let token = token.filter(|token| !token.is_empty()).map(SecretString::from).context(NO_TOKEN)?;
        let operator = self.operator.as_deref().filter(|name| !name.is_empty()).unwrap_or("unnamed");
        Operations::new(|service| service.operations_url(&self.fleet), token, operator)
    }
}

impl Operations {
    /// Those at `urls`, opened by `token`, for `operator`.
    pub fn new(
        urls: impl Fn(Service) -> anyhow::Result<String>,
        token: SecretString,
        operator: &str,
    ) -> anyhow::Result<Self> {
        let urls = Service::all().iter().map(|service| Ok((service.name(), urls(*service)?)));
        let urls = urls.collect::<anyhow::Result<_>>()?;
        Ok(Self { client: http::client()?, urls, token, operator: operator.to_owned() })
    }

    /// A request to `service`: `path` begins after `/admin`.
    pub fn request(&self, service: Service, method: Method, path: &str) -> anyhow::Result<RequestBuilder> {
        let url = self.urls.get(service.name()).with_context(|| format!("no URL of {}", service.name()))?;
        let request = self.client.request(method, format!("{url}/admin{path}"));
        Ok(request.bearer_auth(self.token.expose_secret()).header("x-operator", &self.operator))
    }

    /// The answer of `service`, if it is a good one.
    pub async fn ask(&self, service: Service, method: Method, path: &str) -> anyhow::Result<Response> {
        http::send(self.request(service, method, path)?).await.with_context(|| service.name())
    }

    /// Has `service` send its retained events since `from` again; gives their number.
    pub async fn republish(&self, service: Service, from: &str) -> anyhow::Result<u64> {
        #[derive(Deserialize)]
        struct Republished {
            republished: u64,
        }
        let request = self.request(service, Method::POST, "/republish")?.json(&json!({ "from": from }));
        let response = http::send(request).await.with_context(|| service.name())?;
        Ok(response.json::<Republished>().await?.republished)
    }
}
