//! A flow as the logs of the services have it: what each of them did with every event.

#[cfg(any(test, feature = "testing"))]
pub mod fixtures;
mod flow;
mod log_line;
mod outcome;
mod tree;

pub use flow::Flow;
pub use log_line::{Hop, Step};
pub use outcome::{Outcome, State};
pub use tree::{Mark, Node};
