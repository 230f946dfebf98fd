//! New services, events and handlers, and the way back.
//!
//! Every command works out all its changes before it makes the first one. Lists in Rust files are found by parsing, never
//! by matching text; where a file has another shape than expected, nothing is changed and the line to add is printed.

mod change_set;
mod changelog;
mod event;
mod fields;
mod handler;
mod names;
mod retire;
mod rust_file;
mod service;
mod template;
mod tree;

pub use change_set::ChangeSet;
pub use event::NewEvent;
pub use handler::NewHandler;
pub use names::NameError;
pub use retire::Retire;
pub use rust_file::UnknownShape;
pub use service::NewService;
pub use tree::Tree;
