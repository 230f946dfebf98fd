//! `fleet republish`: a service sends its retained events again.

use clap::Args;
use client::{OperationsArgs, Service, http, output};
use jiff::Timestamp;

use crate::prompt;

/// Have a service send its retained events again, under their ids, through its relay.
///
/// For a broker that has lost what it had. Whoever has handled an event does nothing about it.
#[derive(Clone, Debug, Args)]
pub struct RepublishArgs {
    /// The service that sends.
    #[arg(long)]
    service: Service,
    /// Events published at this time or later (RFC 3339).
    #[arg(long)]
    from: Timestamp,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    operations: OperationsArgs,
}

/// Asks, tells how many.
pub fn republish(args: &RepublishArgs) -> anyhow::Result<()> {
    let operations = args.operations.open()?;
    let question = format!("Send everything again that {} has published since {}?", args.service.name(), args.from);
    if !prompt::confirm(&question, args.yes)? {
        return Ok(());
    }
    http::block_on(async {
        let republished = operations.republish(args.service, &args.from.to_string()).await?;
        output::print(&format!("{}: {republished} events are sent again", args.service.name()))?;
        Ok(())
    })
}
