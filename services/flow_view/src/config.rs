//! The settings that only this service has: where the others are, and where people look further.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};
use contracts::{Role, SERVICES, ServiceInfo};
use url::Url;

/// Where the others are, and how long flows are kept.
#[derive(Clone, Debug, Args)]
pub struct FlowViewConfig {
    /// The customer service: where registrations of the page go.
    #[arg(long, env, default_value = "http://127.0.0.1:8080")]
    pub customer_url: Url,
    /// The operations ports of those who take part.
    #[command(flatten)]
    pub operations: OperationsUrls,
    /// The mailbox, as a browser reaches it: the page links there.
    #[arg(long, env)]
    pub mail_url: Option<Url>,
    /// Jaeger, as a browser reaches it: the page links there.
    #[arg(long, env)]
    pub jaeger_url: Option<Url>,
    /// For how many days a flow that has ended is kept.
    #[arg(long, env, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub flow_days: u32,
}

/// Where the operations ports of those who take part are: `--loyalty-ops-url`, `LOYALTY_OPS_URL`. By hand, because the
/// names follow from the list of services.
#[derive(Clone, Debug)]
pub struct OperationsUrls(BTreeMap<&'static str, Url>);

impl OperationsUrls {
    /// All at one place, as in a test.
    pub fn all_at(url: &Url) -> Self {
        Self(participants().map(|service| (service.name, url.clone())).collect())
    }

    /// By the services' names.
    pub fn by_service(&self) -> &BTreeMap<&'static str, Url> {
        &self.0
    }
}

fn participants() -> impl Iterator<Item = &'static ServiceInfo> {
    SERVICES.iter().filter(|service| service.role == Role::Participant)
}

fn id(service: &ServiceInfo) -> String {
    format!("{}_ops_url", service.name)
}

impl Args for OperationsUrls {
    fn augment_args(command: Command) -> Command {
        command.args(participants().map(|service| {
            let id = id(service);
            Arg::new(&id)
                .long(id.replace('_', "-"))
                .env(id.to_uppercase())
                .value_name("URL")
                .value_parser(value_parser!(Url))
                .default_value(format!("http://127.0.0.1:{}", service.operations_port))
                .help(format!("The operations port of {}", service.name))
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OperationsUrls {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let url = |service: &'static ServiceInfo| Some((service.name, matches.get_one::<Url>(&id(service))?.clone()));
        Ok(Self(participants().filter_map(url).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
