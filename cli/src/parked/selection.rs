//! Which messages a command is about, and how it ends if there are none.

use clap::Args;
use client::parked::Filter;
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
