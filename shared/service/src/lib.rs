//! One process of the fleet: settings, telemetry, HTTP, health, administration, start and stop.

#![warn(missing_docs)]

pub mod admin;
pub mod config;
pub mod health;
pub mod http;
pub mod problem;
pub mod receipts;
mod service;
pub mod telemetry;

pub use service::{Service, Task, database, main, run, run_process};
