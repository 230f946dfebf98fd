//! `fleet parked discard`.

use clap::Args;
use client::{
    Operations, output,
    parked::{self, Kept, Summary},
};

use super::selection::{NOTHING, SelectionArgs};
use crate::prompt;

/// How many one command discards at most.
const MOST: usize = 10_000;

#[derive(Clone, Debug, Args)]
pub struct DiscardArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    /// Why, for the audit trail.
    #[arg(long)]
    reason: String,
}

pub async fn discard(operations: &Operations, args: &DiscardArgs) -> anyhow::Result<u8> {
    let selected = match args.selection.id {
        Some(id) => {
            let records = parked::find(operations, id, args.selection.filter.service).await?;
            let one = parked::the_one(records)?;
            one.map(|Kept { service, what }| Kept { service, what: what.summary }).into_iter().collect()
        }
        None => parked::list(operations, &args.selection.filter, MOST).await?,
    };
    if selected.is_empty() {
        output::tell("nothing to discard");
        return Ok(NOTHING);
    }
    let question = format!("Discard {} messages? Their effects will never happen.", selected.len());
    if args.selection.all && !prompt::confirm(&question, args.selection.yes)? {
        return Ok(0);
    }
    for Kept { service, what: Summary { event_id, event_type, .. } } in &selected {
        parked::discard(operations, *service, *event_id, &args.reason).await?;
        output::print(&format!("{}: {event_type} {event_id} is discarded", service.name()))?;
    }
    Ok(0)
}
