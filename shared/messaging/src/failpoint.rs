//! The steps between which a process may die.
//!
//! In production reaching one does nothing and costs nothing. In tests it is where a schedule stops what it runs, to go
//! on with something else or to abandon it.

/// What has just been done. A broker and the loops around relay, router and re-driver reach the steps that are theirs:
/// in a schedule both are the test's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failpoint {
    /// The relay has claimed rows of the outbox.
    Claimed,
    /// The broker was given one message.
    Published,
    /// The broker's answer to the claimed rows is here.
    Confirmed,
    /// The rows are marked as the answer says, not yet committed.
    Marked,
    /// Messages have come from the queue.
    Delivered,
    /// The beginning of a suspect's handling is committed.
    Suspected,
    /// The inbox rows are written, not yet committed.
    Inserted,
    /// A handler has done its work, not yet committed.
    Handled,
    /// An attempt has failed and is rolled back.
    Failed,
    /// A message that failed is written down in `parked`, not yet committed.
    Parked,
    /// A parked message was chosen for another attempt, which is charged and committed.
    Taken,
    /// The transaction is committed.
    Committed,
    /// One delivery is acknowledged.
    Acknowledged,
    /// Nothing is to be done just now.
    Idle,
}

/// Says that `step` is done.
#[cfg(not(any(test, feature = "testing")))]
pub(crate) fn hit(_: Failpoint) -> std::future::Ready<()> {
    std::future::ready(())
}

#[cfg(any(test, feature = "testing"))]
pub(crate) use crate::testing::stepped::hit;
