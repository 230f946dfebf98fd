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
//! made of: this crate does not depend on `shared`.

pub mod admin;
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

/// The services of the onboarding.
pub const SERVICES: [&str; 3] = ["customer", "email", "loyalty"];

/// Every event with an exchange, with its owner and who reacts to it: the table of the onboarding.
pub const EVENTS: [(&str, &str, &[&str]); 7] = [
    ("customer_created", "customer", &["email", "loyalty"]),
    ("welcome_email_sent", "email", &["customer"]),
    ("welcome_email_failed", "email", &["customer"]),
    ("status_points_added", "loyalty", &["customer"]),
    ("customer_onboarded", "customer", &[]),
    ("customer_deactivated", "customer", &["email", "loyalty"]),
    ("status_points_revoked", "loyalty", &[]),
];

/// The services that react to an event.
pub fn subscribers(event_type: &str) -> &'static [&'static str] {
    EVENTS.iter().find(|(name, ..)| *name == event_type).map_or(&[], |(_, _, services)| services)
}

/// The present, for events that are made by hand: a welcome mail is valid for three days only.
#[expect(clippy::disallowed_methods, reason = "these tests run beside real clocks")]
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

#[cfg(test)]
mod tests {
    use contracts::choreography;

    /// Others may have joined since.
    #[test]
    fn what_the_suites_know_of_the_choreography_is_declared() {
        for (event, owner, subscribers) in super::EVENTS {
            assert!(choreography::publications(owner).iter().any(|declared| declared.name == event), "{event}");
            let declared = choreography::subscribers(event);
            assert!(subscribers.iter().all(|service| declared.contains(service)), "{event}: {declared:?}");
        }
    }
}
