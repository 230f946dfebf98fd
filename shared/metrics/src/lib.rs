//! Metrics: what a service counts and measures, in the OpenMetrics format.
//!
//! Each service has a [`Registry`] of its own, so several can share a process. A metric is declared where it is
//! registered: name, labels, help. Names follow Prometheus' rules (base units, the unit in the name, `_total`), which
//! service it is says the scraper's `job`, and the values of every label are few and known beforehand.

#![warn(missing_docs)]

mod instruments;
mod process;
mod registry;
pub mod scrape;

pub use instruments::{Bounds, Counter, Gauge, Histogram, Labeled};
pub use process::register as register_process;
pub use registry::{Declaration, Kind, Registry, SampleError};

/// Bounds of histograms of durations, in seconds: from a quick statement to what no request and no batch survives.
pub const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
