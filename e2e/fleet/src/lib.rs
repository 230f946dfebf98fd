//! The fleet as the outside sees it: HTTP, the mailbox, logs; and with an operator's rights the broker and the database.
//!
//! ```text
//!   api ──────► customer  email  loyalty ──► logs
//!                   │       │       │
//!   database ◄──────┴───────┴───────┤   broker (histories, copies, poison)
//!   mailbox ◄── SMTP                │
//!   jaeger  ◄── OTLP ───────────────┘
//! ```
//!
//! Four suites stand on it. `tests/fleet.rs` asks a running fleet, wherever it runs, what it promises its users;
//! `tests/browser.rs` looks at its pages, and `tests/monitoring.rs` asks whether what dashboards and alerts show of it is
//! there, and true. `tests/faults.rs` owns a fleet of real processes and breaks it. None of them knows what a service is
//! made of: of what is shared, this crate knows the dance alone.

pub mod api;
pub mod broker;
pub mod dashboards;
pub mod database;
pub mod docker;
pub mod effects;
pub mod eventually;
pub mod load;
pub mod logs;
pub mod mailbox;
pub mod processes;
pub mod prometheus;

pub use contracts::choreography::{services, subscribers};

/// Every event with an exchange, with its owner and who reacts to it.
pub fn events() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    let types = contracts::choreography::event_types().into_iter();
    types.map(|event| (event.name, event.owner, subscribers(event.name))).collect()
}

/// The present, for events that are made by hand: a welcome mail is valid for three days only.
#[expect(clippy::disallowed_methods, reason = "these tests run beside real clocks")]
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
