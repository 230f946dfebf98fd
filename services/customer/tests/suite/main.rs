//! The gate and its form, on a real Postgres and the bus in memory.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod access;
mod limits;
mod onboarding;
mod registration;
mod stage;
