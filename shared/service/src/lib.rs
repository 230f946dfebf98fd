//! One process of the fleet: settings, telemetry, HTTP, health, administration, start and stop.

#![warn(missing_docs)]

pub mod admin;
pub mod config;
pub mod health;
pub mod http;
mod migrations;
pub mod problem;
mod process;
pub mod receipts;
mod service;
mod start;
mod supervise;
pub mod telemetry;

pub use process::{database, main, run, run_process};
pub use service::{Service, Task};
