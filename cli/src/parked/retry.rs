//! `fleet parked retry`.

use std::time::{Duration, Instant};

use clap::Args;
use client::{
    Operations, output,
    parked::{self, Change, Kept, Record, State},
};
use reqwest::Method;
use uuid::Uuid;

use super::selection::{FAILED_AGAIN, NOTHING, SelectionArgs};
use crate::prompt;

#[derive(Clone, Debug, Args)]
pub struct RetryArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    /// Wait so many seconds for what comes of it.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u64,
}

pub async fn retry(operations: &Operations, args: &RetryArgs) -> anyhow::Result<u8> {
    let limit = Duration::from_secs(args.wait);
    match args.selection.id {
        Some(id) => retry_one(operations, id, args, limit).await,
        None => retry_all(operations, args).await,
    }
}

async fn retry_one(operations: &Operations, id: Uuid, args: &RetryArgs, limit: Duration) -> anyhow::Result<u8> {
    let records = parked::find(operations, id, args.selection.filter.service).await?;
    let records: Vec<_> = records.into_iter().filter(|record| !record.what.summary.state.is_resolved()).collect();
    if records.is_empty() {
        output::tell(format_args!("no service keeps {id}, or it is done already"));
        return Ok(NOTHING);
    }
    let mut code = 0;
    for record in records {
        let service = record.service;
        parked::retry(operations, service, id).await?;
        let after = outcome(operations, &record, limit).await?;
        match after.summary.state {
            State::Done => output::print(&format!("{}: done", service.name()))?,
            state => {
                output::print(&format!("{}: {state} ({})", service.name(), after.summary.reason))?;
                code = FAILED_AGAIN;
            }
        }
    }
    Ok(code)
}

/// The message once it was tried again, or when the time is over.
async fn outcome(operations: &Operations, before: &Kept<Record>, limit: Duration) -> anyhow::Result<Record> {
    let Kept { service, what: before } = before;
    let id = before.summary.event_id;
    let deadline = Instant::now() + limit;
    loop {
        let record: Record = operations.ask(*service, Method::GET, &format!("/parked/{id}")).await?.json().await?;
        let failed_again = record.failures.len() > before.failures.len();
        if record.summary.state.is_resolved() || failed_again || Instant::now() >= deadline {
            return Ok(record);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn retry_all(operations: &Operations, args: &RetryArgs) -> anyhow::Result<u8> {
    let Some(count) = args.selection.count(operations).await? else {
        output::tell("nothing to retry");
        return Ok(NOTHING);
    };
    if !prompt::confirm(&format!("Try {count} messages again (and those behind them)?"), args.selection.yes)? {
        return Ok(0);
    }
    args.selection.change_all(operations, &Change::Retry).await?;
    wait_for_all(operations, args).await
}

/// Until none of them is left, or the time is over.
async fn wait_for_all(operations: &Operations, args: &RetryArgs) -> anyhow::Result<u8> {
    let deadline = Instant::now() + Duration::from_secs(args.wait);
    let mut every = args.selection.filter.clone();
    every.state = None;
    loop {
        let left = parked::list(operations, &every, 1000).await?.len();
        if left == 0 {
            return Ok(0);
        }
        if Instant::now() >= deadline {
            output::tell(format_args!("{left} are still parked: fleet parked list"));
            return Ok(FAILED_AGAIN);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
