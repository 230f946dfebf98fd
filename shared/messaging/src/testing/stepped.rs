//! Code that runs one named [`Failpoint`] at a time, and may be abandoned between any two.
//!
//! A [`Stepped`] future stops at each step that it reaches until it is told to go on. Whoever holds several decides their
//! order, with no thread and no clock in it, and to drop one is what a crash does to a process.

use std::fmt;

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{mpsc, oneshot};

use crate::failpoint::Failpoint;

tokio::task_local! {
    static STOPS: mpsc::UnboundedSender<Stop>;
}

/// A step that was reached, and what lets the future go on.
struct Stop {
    step: Failpoint,
    go_on: oneshot::Sender<()>,
}

/// Stops here until the schedule goes on; does nothing in code that is not [`Stepped`].
pub async fn hit(step: Failpoint) {
    let Ok(stops) = STOPS.try_with(Clone::clone) else { return };
    let (go_on, told) = oneshot::channel();
    if stops.send(Stop { step, go_on }).is_ok() {
        // An error means that nobody holds this future any more, so nobody polls it either.
        let _ = told.await;
    }
}

/// A future that stops at each step.
pub struct Stepped {
    future: BoxFuture<'static, ()>,
    stops: mpsc::UnboundedReceiver<Stop>,
    at: Option<Stop>,
}

impl Stepped {
    /// `future`, not begun yet.
    pub fn new(future: impl Future<Output = ()> + Send + 'static) -> Self {
        let (sender, stops) = mpsc::unbounded_channel();
        Self { future: STOPS.scope(sender, future).boxed(), stops, at: None }
    }

    /// Goes on to the next step; `None` if the future is at its end. Cancel-safe: the next call goes on with the same.
    pub async fn next(&mut self) -> Option<Failpoint> {
        if let Some(stop) = self.at.take() {
            let _ = stop.go_on.send(());
        }
        tokio::select! {
            biased;
            stop = self.stops.recv() => self.at = stop,
            () = &mut self.future => {}
        }
        self.at()
    }

    /// The step at which it stands; `None` before the first, at the end, and while one is under way.
    pub fn at(&self) -> Option<Failpoint> {
        self.at.as_ref().map(|stop| stop.step)
    }
}

impl fmt::Debug for Stepped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stepped").field("at", &self.at()).finish_non_exhaustive()
    }
}
