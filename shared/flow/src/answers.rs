//! What the flow view answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{Flow, FlowDetail};

/// A page of flows, newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Page {
    pub flows: Vec<Changed>,
    /// Asks for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// A flow, and the number of its latest change.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    #[serde(flatten)]
    pub flow: Flow,
    /// Grows with every change of any flow.
    pub change: i64,
}

/// What was found.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Found {
    /// Newest first.
    pub flows: Vec<FlowDetail>,
}

/// How many flows stand how.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Tally {
    pub running: i64,
    pub done: i64,
    pub compensated: i64,
    pub stuck: i64,
}
