//! Who sleeps in this process until something is committed.

use std::sync::Arc;

use tokio::sync::Notify;

/// The sleepers of one service. Copies share them.
#[derive(Clone, Debug, Default)]
pub struct WakeUps {
    /// The relay: something was committed to the outbox.
    pub relay: Arc<Notify>,
    /// The re-driver: something was parked, or is due.
    pub redriver: Arc<Notify>,
}
