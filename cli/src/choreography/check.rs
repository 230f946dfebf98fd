//! `fleet choreography --check`: asks broker and services, compares, and says what differs.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use client::{FleetDir, Service, http, output};
use reqwest::Client;
use secrecy::SecretString;

use crate::management::{BrokerArgs, TIME_LIMIT};

mod compare;
mod declared;
mod found;
mod look;
mod policies;
mod writers;

use declared::Declared;
use found::{Found, Registered};

const DIFFERENCES: u8 = 1;
/// Not everything could be asked: what agrees and what differs is not known.
const UNKNOWN: u8 = 2;

/// Whom --check asks. `CUSTOMER_OPS_URL` and its like come from the environment, else from the fleet's folder, else they are
/// 127.0.0.1:9080 to 9082 and 9088.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// The broker's HTTP API, as a user who may look: `http://monitor:PASSWORD@HOST:PORT`; if not given, that of the running
    /// fleet.
    #[arg(long, env, hide_env_values = true, value_name = "URL")]
    management_url: Option<SecretString>,
    // Without an administrator's, only who publishes is known, and not who might.
    #[command(flatten)]
    broker: BrokerArgs,
}

/// Asks, compares, tells.
pub fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let found = match http::block_on(ask(args)) {
        Ok(found) => found,
        Err(error) => {
            output::tell(format_args!("error: {error:#}"));
            return Ok(ExitCode::from(UNKNOWN));
        }
    };
    let declared = Declared::new();
    let differences = compare::differences(&declared, &found);
    if differences.is_empty() {
        output::print(&summary(&declared, &found))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print(&differences.join("\n"))?;
    Ok(ExitCode::from(DIFFERENCES))
}

async fn ask(args: &CheckArgs) -> anyhow::Result<Found> {
    let broker = args
        .broker
        .find(args.management_url.as_ref(), "MANAGEMENT_URL")?
        .context("no broker to ask: set MANAGEMENT_URL to its HTTP API (http://monitor:PASSWORD@HOST:PORT)")?;
    let mut found = look::look(&broker).await?;
    if let Some(broker) = args.broker.as_administrator()? {
        found.rights = Some(look::rights(&broker).await?);
    }
    let client = http::client()?;
    for &service in Service::all() {
        found.services.push(registered(&client, service, &args.broker.fleet).await.context(service.name())?);
    }
    Ok(found)
}

async fn registered(client: &Client, service: Service, fleet: &FleetDir) -> anyhow::Result<Registered> {
    let url = format!("{}/topology", service.operations_url(fleet)?);
    let response = http::send(client.get(url).timeout(TIME_LIMIT)).await?;
    let topology = response.json().await.context("its answer is not a topology")?;
    Ok(Registered { asked: service.name(), topology })
}

fn summary(declared: &Declared, found: &Found) -> String {
    let Declared { exchanges, queues, bindings } = declared;
    let services: Vec<_> = found.services.iter().map(|service| service.asked).collect();
    let rights = match &found.rights {
        Some(rights) => format!("rights of {} users (administrators may do everything)", rights.len()),
        None => "publishers (not the rights of users: they need MANAGEMENT_ADMIN_URL)".to_owned(),
    };
    format!(
        "as declared: {} exchanges, {} queues, {} bindings, {} consumers, {rights}; handlers of {}",
        exchanges.len(),
        queues.len(),
        bindings.len(),
        found.consumers.len(),
        services.join(", ")
    )
}
