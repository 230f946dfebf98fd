//! The fleet's APIs from outside, for programs that people run: where it is, and how to ask it.
//!
//! Where something is comes from a flag or the environment, else from the folder of a fleet started by `scripts/up`, else it
//! is where services listen by default. A service's no comes as an [`ApiError`], in its own words.

mod api_error;
pub mod customers;
mod fleet_dir;
pub mod http;
mod operations;
pub mod output;
pub mod parked;
pub mod progress;
pub mod style;

pub use api_error::ApiError;
pub use fleet_dir::{FleetDir, values};
pub use operations::{NO_TOKEN, Operations, OperationsArgs, Service};
