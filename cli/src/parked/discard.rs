//! `fleet parked discard`.

use clap::Args;
use client::{
    Operations, output,
    parked::{self, Change, Kept},
};
use uuid::Uuid;

use super::selection::{NOTHING, SelectionArgs};
use crate::prompt;

#[derive(Clone, Debug, Args)]
pub struct DiscardArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    /// Why, for the audit trail.
    #[arg(long)]
    reason: String,
}

pub async fn discard(operations: &Operations, args: &DiscardArgs) -> anyhow::Result<u8> {
    match args.selection.id {
        Some(id) => discard_one(operations, id, args).await,
        None => discard_all(operations, args).await,
    }
}

async fn discard_one(operations: &Operations, id: Uuid, args: &DiscardArgs) -> anyhow::Result<u8> {
    let records = parked::find(operations, id, args.selection.filter.service).await?;
    let Some(Kept { service, what }) = parked::the_one(records)? else {
        output::tell("nothing to discard");
        return Ok(NOTHING);
    };
    parked::discard(operations, service, id, &args.reason).await?;
    output::print(&format!("{}: {} {id} is discarded", service.name(), what.summary.event_type))?;
    Ok(0)
}

async fn discard_all(operations: &Operations, args: &DiscardArgs) -> anyhow::Result<u8> {
    let Some(count) = args.selection.count(operations).await? else {
        output::tell("nothing to discard");
        return Ok(NOTHING);
    };
    let question = format!("Discard {count} messages? Their effects will never happen.");
    if prompt::confirm(&question, args.selection.yes)? {
        args.selection.change_all(operations, &Change::Discard { reason: args.reason.clone() }).await?;
    }
    Ok(0)
}
