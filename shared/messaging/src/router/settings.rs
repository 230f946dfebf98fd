//! How a router behaves, and why a session of it ends.

use std::time::Duration;

use crate::{
    bus::{BusError, CatchUpPolicy},
    message::MAX_BATCH,
    middleware::Limits,
};

/// How long the router may be silent: above the time limit of the largest batch and of what surrounds it.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_mins(1);

/// How a router behaves; the defaults are what runs in production.
#[derive(Clone, Copy, Debug)]
pub struct RouterSettings {
    /// How many messages share a transaction at most.
    pub max_batch: usize,
    /// The limits of the middleware.
    pub limits: Limits,
    /// When a history counts as read.
    pub settling: CatchUpPolicy,
    /// Whether a first catch-up is muted: it builds the state without mails and follow-ups.
    pub mute_catch_up: bool,
}

impl Default for RouterSettings {
    fn default() -> Self {
        Self {
            max_batch: MAX_BATCH,
            limits: Limits::default(),
            settling: CatchUpPolicy::default(),
            mute_catch_up: false,
        }
    }
}

/// Why a session on the bus ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The bus's fault.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The database's, which is not away.
    #[error("the database does not answer as it should")]
    Database(#[from] sqlx::Error),
    /// What is not settled comes again.
    #[error("the channel was closed")]
    ChannelClosed,
    /// Before the broker loses its patience.
    #[error("the database was unreachable for so long that the messages go back to the broker")]
    HeldTooLong,
    /// A fault of ours.
    #[error("panicked")]
    Panicked,
    /// As asked.
    #[error("shutting down")]
    ShuttingDown,
}
