//! The domain: an account is a ledger, and its balance is the ledger's sum.

use jiff::Timestamp;
use uuid::Uuid;

/// What every new customer gets.
pub const JOINING_POINTS: i64 = 100;

/// Why points were booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody registered.
    Joining,
    /// The registration was undone.
    Revocation,
}

impl Reason {
    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Revocation => "revocation",
        }
    }
}

/// A line of the ledger.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it was booked for; each event once.
    pub event_id: Uuid,
    /// Added, or taken if negative.
    pub points: i64,
    /// Why, as stored.
    pub reason: String,
    /// When.
    pub booked_at: Timestamp,
}

/// The sum of `ledger`.
pub fn balance(ledger: &[Entry]) -> i64 {
    ledger.iter().map(|entry| entry.points).sum()
}
