//! Which messages a command is about, and how it ends if there are none.

use std::time::{Duration, Instant};

use clap::Args;
use client::{
    Operations, output,
    parked::{self, Change, Filter},
};
use indicatif::ProgressBar;
use uuid::Uuid;

/// Nothing was found that the command is about.
pub const NOTHING: u8 = 3;
/// It was tried again and failed again.
pub const FAILED_AGAIN: u8 = 4;

/// One message, or all of some.
#[derive(Clone, Debug, Args)]
pub struct SelectionArgs {
    /// The event's id.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub id: Option<Uuid>,
    /// All that the filters select.
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub filter: Filter,
    /// Do not ask before acting on all.
    #[arg(long)]
    pub yes: bool,
}

/// How many of them are counted before a question: to count a million takes longer than to answer it.
const COUNTED: usize = 1000;
/// Without a terminal, a line says so often how far it has come.
const TELL: Duration = Duration::from_secs(5);

impl SelectionArgs {
    /// How many the filters select, for people; `None` if there are none.
    pub async fn count(&self, operations: &Operations) -> anyhow::Result<Option<String>> {
        Ok(match parked::list(operations, &self.filter, COUNTED).await?.len() {
            0 => None,
            COUNTED => Some(format!("{COUNTED} or more")),
            count => Some(count.to_string()),
        })
    }

    /// Does `change` to all that the filters select, one service after the other, and says how many there were.
    pub async fn change_all(&self, operations: &Operations, change: &Change) -> anyhow::Result<()> {
        let done_is = change.done_is();
        for service in self.filter.services() {
            let bar = ProgressBar::new_spinner();
            let mut told = Instant::now();
            let changed = parked::change_all(operations, service, &self.filter, change, |count| {
                bar.set_message(format!("{}: {count} are {done_is}", service.name()));
                bar.tick();
                if bar.is_hidden() && told.elapsed() >= TELL {
                    output::tell(format_args!("  … {}: {count} are {done_is}", service.name()));
                    told = Instant::now();
                }
            });
            let changed = changed.await;
            bar.finish_and_clear();
            match changed? {
                0 => {}
                count => output::print(&format!("{}: {count} are {done_is}", service.name()))?,
            }
        }
        Ok(())
    }
}
