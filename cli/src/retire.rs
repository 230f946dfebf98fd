//! `fleet retire`: removes a retired service from the broker.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use client::{http, output};
use serde::Deserialize;
use tokio::time::sleep;

use crate::management::{BrokerArgs, Management};

/// There is nothing of that service.
const NOTHING: u8 = 3;
/// How old the broker's numbers may be: it collects them every five seconds.
const LATE: Duration = Duration::from_secs(6);
/// Until a queue that is consumed counts as one of a service that runs.
const PATIENCE: Duration = Duration::from_secs(14);
/// Between two looks.
const REST: Duration = Duration::from_millis(500);

/// Remove a retired service from the broker: unbind its queue, and show what is left in it.
///
/// The service must be stopped. With --yes its queue, its dead-letter queue and its history are deleted, with all that is in
/// them, and the exchanges of its events. What it has in the database stays.
///
/// Exit codes: 0 done, 1 an error, 3 the broker has nothing of it.
#[derive(Clone, Debug, Args)]
pub struct RetireArgs {
    /// The service's name, as in its queue.
    #[arg(value_parser = name)]
    name: String,
    /// Delete what is left, too.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    broker: BrokerArgs,
}

fn name(text: &str) -> Result<String, String> {
    let is_fine = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '_');
    if is_fine { Ok(text.to_owned()) } else { Err("not the name of a service: small letters, digits and _".into()) }
}

/// A queue or stream, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Queue {
    name: String,
    /// Absent while the broker has not counted them.
    #[serde(default)]
    messages: u64,
    /// Absent while the broker has not counted them.
    consumers: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Binding {
    /// The exchange; empty for the one that binds every queue by its name.
    source: String,
    properties_key: String,
}

/// Unbinds, shows, deletes.
pub fn retire(args: &RetireArgs) -> anyhow::Result<ExitCode> {
    let broker = args
        .broker
        .as_administrator()?
        .context("no broker to ask: set MANAGEMENT_ADMIN_URL to its HTTP API (http://admin:PASSWORD@HOST:PORT)")?;
    http::block_on(async {
        let left = until_unconsumed(&broker, &args.name).await?;
        if left.is_empty() {
            output::tell(format_args!("the broker has no queue of {}", args.name));
            return Ok(ExitCode::from(NOTHING));
        }
        unbind(&broker, &args.name).await?;
        let own = bindings(&broker, &history_of(&args.name)).await?;
        for queue in &left {
            output::print(&format!(
                "{}: {} messages{}",
                queue.name,
                queue.messages,
                if args.yes { ", deleted" } else { "" }
            ))?;
            if args.yes {
                broker.delete(&["queues", broker.vhost(), &queue.name]).await?;
            }
        }
        for Binding { source: exchange, .. } in own {
            output::print(&format!("exchange {exchange}{}", if args.yes { ", deleted" } else { "" }))?;
            if args.yes {
                broker.delete(&["exchanges", broker.vhost(), &exchange]).await?;
            }
        }
        if !args.yes {
            output::print(&format!(
                "nothing comes in any more; to delete all of this: fleet retire {} --yes",
                args.name
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn history_of(service: &str) -> String {
    format!("{service}.history")
}

/// The queues that it has, once nobody has consumed them for as long as the broker's numbers may be late.
async fn until_unconsumed(broker: &Management, service: &str) -> anyhow::Result<Vec<Queue>> {
    let start = Instant::now();
    let mut unconsumed_since = None;
    loop {
        let left = left_of(broker, service).await?;
        // A stream that was read may be listed as consumed long after.
        let free = left.iter().all(|queue| queue.consumers == Some(0) || queue.name == history_of(service));
        let since = *unconsumed_since.get_or_insert_with(Instant::now);
        if left.is_empty() || free && since.elapsed() >= LATE {
            return Ok(left);
        }
        if !free {
            unconsumed_since = None;
        }
        ensure!(start.elapsed() < PATIENCE, "{service} still runs: stop it first");
        if start.elapsed() < REST {
            output::tell(format_args!("… making sure that nobody consumes the queue of {service}"));
        }
        sleep(REST).await;
    }
}

/// The queues that it has.
async fn left_of(broker: &Management, service: &str) -> anyhow::Result<Vec<Queue>> {
    let mut left = Vec::new();
    for name in [service.to_owned(), format!("{service}.dead"), history_of(service)] {
        left.extend(broker.get_if_there::<Queue>(&["queues", broker.vhost(), &name]).await?);
    }
    Ok(left)
}

/// The bindings of `queue` to exchanges.
async fn bindings(broker: &Management, queue: &str) -> anyhow::Result<Vec<Binding>> {
    let found = broker.get_if_there::<Vec<Binding>>(&["queues", broker.vhost(), queue, "bindings"]).await?;
    Ok(found.into_iter().flatten().filter(|binding| !binding.source.is_empty()).collect())
}

async fn unbind(broker: &Management, service: &str) -> anyhow::Result<()> {
    for Binding { source, properties_key } in bindings(broker, service).await? {
        broker.delete(&["bindings", broker.vhost(), "e", &source, "q", service, &properties_key]).await?;
        output::print(&format!("{service}: unbound from {source}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_name_leads_nowhere_else() {
        assert_eq!(name("flow_view2").as_deref(), Ok("flow_view2"));
        for other in ["", "Payment", "a/b", "..", "a.dead", "2fast", "_"] {
            assert!(name(other).is_err(), "{other}");
        }
    }
}
