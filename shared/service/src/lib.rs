//! One process of the fleet: settings, telemetry, HTTP, health, administration, start and stop.

#![warn(missing_docs)]

pub mod admin;
pub mod bearer;
pub mod config;
pub mod health;
pub mod http;
pub mod inbox_status;
mod migrations;
pub mod problem;
mod process;
mod service;
mod start;
mod supervise;
pub mod telemetry;

pub use http::server::Peer;
pub use process::{database, main, run, run_process};
pub use service::Service;
