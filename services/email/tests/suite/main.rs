//! Mail, on a real Postgres with a fake mail server.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod breaker;
mod leases;
mod mails;
mod stage;
