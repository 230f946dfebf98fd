//! What a flow is, what it lacks, and how it stands.
//!
//! ```text
//!   events seen ──┐                      ┌─► Flow (in short)    lists, `fleet check`
//!   what services │                      │
//!   say of late   ├─► Observed ──────────┤
//!   messages      │   (by the reactions  └─► FlowDetail (tree)  pages, `fleet follow --live`
//!   the time ─────┘    declared)
//!   log lines ──────► logged::Flow ────────► tree and outcome   `fleet follow`
//! ```
//!
//! Pure: what was observed and the time go in, and out comes the same flow in whatever order it arrived. The choreography
//! is an argument, too; nothing here names an event.

pub mod answers;
mod evaluate;
mod expected;
pub mod logged;
pub mod model;
pub mod observed;
pub mod sentences;
mod tree;

#[cfg(test)]
mod tests;

pub use evaluate::Evaluated;
pub use model::{
    DeliveryStatus, Flow, FlowDetail, Mark, Node, ObservedEvent, Overdue, ReportedStatus, State, Step, StepState,
};
pub use observed::Observed;
