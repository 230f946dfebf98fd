//! The services that this program links: the one place that names their crates.

use clap::{Args, Command, FromArgMatches};
use contracts::ServiceInfo;
use customer::CustomerConfig;
use email::EmailConfig;
use flow_view::FlowViewConfig;
use messaging::database::Database;
use service::Service;

/// The settings that only some services have.
#[derive(Clone, Debug)]
pub struct OwnSettings {
    pub customer: CustomerConfig,
    pub email: EmailConfig,
    pub flow_view: FlowViewConfig,
}

/// A service that can be run here.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub info: ServiceInfo,
    build: Build,
}

#[derive(Clone, Copy, Debug)]
enum Build {
    Plain(fn(&Database) -> Service),
    WithSettings(fn(&Database, &OwnSettings) -> anyhow::Result<Service>),
}

/// Every service of the fleet.
pub const MEMBERS: &[Member] = &[
    Member::with_settings(customer::SERVICE, |database, own| Ok(customer::service(database, &own.customer))),
    Member::with_settings(email::SERVICE, |database, own| email::service(database, &own.email)),
    Member::plain(loyalty::SERVICE, loyalty::service),
    Member::with_settings(flow_view::SERVICE, |database, own| flow_view::service(database, &own.flow_view)),
];

impl Member {
    const fn plain(info: ServiceInfo, build: fn(&Database) -> Service) -> Self {
        Self { info, build: Build::Plain(build) }
    }

    const fn with_settings(info: ServiceInfo, build: fn(&Database, &OwnSettings) -> anyhow::Result<Service>) -> Self {
        Self { info, build: Build::WithSettings(build) }
    }

    /// The service on `database`.
    pub fn build(&self, database: &Database, own: &OwnSettings) -> anyhow::Result<Service> {
        match self.build {
            Build::Plain(build) => Ok(build(database)),
            Build::WithSettings(build) => build(database, own),
        }
    }
}

impl OwnSettings {
    /// As they are by default: for whoever asks services what they are and connects to nothing.
    pub fn unconnected() -> anyhow::Result<Self> {
        let command = CustomerConfig::augment_args(EmailConfig::augment_args(Command::new("fleet")));
        let command = FlowViewConfig::augment_args(command);
        let matches = command.try_get_matches_from(["fleet"])?;
        Ok(Self {
            customer: CustomerConfig::from_arg_matches(&matches)?,
            email: EmailConfig::from_arg_matches(&matches)?,
            flow_view: FlowViewConfig::from_arg_matches(&matches)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use contracts::{SERVICES, choreography};
    use messaging::clock::Clock;

    use super::*;

    #[test]
    fn every_service_that_is_declared_can_be_run_here() {
        assert_eq!(MEMBERS.iter().map(|member| member.info).collect::<Vec<_>>(), SERVICES);
    }

    #[tokio::test]
    async fn every_service_is_built_as_declared() {
        for member in MEMBERS {
            let name = member.info.name;
            let database = Database::new(&"postgres://localhost".into(), name, 4, Clock::System).unwrap();
            let service = member.build(&database, &OwnSettings::unconnected().unwrap()).unwrap();
            assert_eq!(service.handlers.event_types(), choreography::subscriptions(name), "{name}");
            let (mut publishes, mut declared) = (service.publishes.to_vec(), choreography::publications(name));
            publishes.sort_unstable();
            declared.sort_unstable();
            assert_eq!(publishes, declared, "{name}");
        }
    }
}
