//! What the broker itself gave up on, because this service took it again and again and never settled it: drained into the
//! same table as everything else that could not be handled.

use std::time::Duration;

use futures_util::FutureExt;

use super::park;
use crate::{
    bus::{Deliveries, Delivery, Subscriber},
    database::Database,
    failure::Failure,
    message::ReceivedMessage,
    worker::{Next, TurnFailed, Worker},
};

/// How often it looks for what has come.
const POLL: Duration = Duration::from_secs(1);

/// Drains `<service>.dead`.
pub struct DeadLetters {
    database: Database,
    subscriber: Box<dyn Subscriber>,
    letters: Option<Box<dyn Deliveries>>,
}

impl DeadLetters {
    /// Takes what comes from `subscriber`'s dead letters into the table `parked`.
    pub fn new(database: Database, subscriber: Box<dyn Subscriber>) -> Self {
        Self { database, subscriber, letters: None }
    }

    /// What has come; `Ok` also if this bus has no dead letters.
    async fn drain(&mut self) -> Result<(), TurnFailed> {
        if self.letters.is_none() {
            self.letters = self.subscriber.dead_letters().await.map_err(|error| TurnFailed(error.to_string()))?;
        }
        while let Some(letters) = &mut self.letters
            && let Some(next) = letters.next().now_or_never()
        {
            take(&self.database, next.ok_or_else(closed)?).await?;
        }
        Ok(())
    }

    /// Leaves the bus: what is not settled comes again.
    async fn leave(&mut self) {
        if let Some(letters) = self.letters.take() {
            letters.close().await;
        }
        self.subscriber.close().await;
    }
}

/// Parks one as dead, unless this service has taken charge of it meanwhile; then the broker may forget it.
async fn take(database: &Database, mut letter: Delivery) -> Result<(), TurnFailed> {
    let body = std::mem::take(&mut letter.body);
    let message = ReceivedMessage::new(&letter, body);
    let reason = letter.dead_letter_reason.clone().unwrap_or_default();
    park(database, &message, &Failure::GivenUpByBroker(reason)).await?;
    if letter.ack().await { Ok(()) } else { Err(closed()) }
}

fn closed() -> TurnFailed {
    TurnFailed("the channel was closed".into())
}

impl Worker for DeadLetters {
    fn part(&self) -> &'static str {
        "dead letters"
    }

    fn trouble(&self) -> &'static str {
        "what the broker has given up can't be taken from it"
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        let drained = self.drain().await;
        if drained.is_err() {
            self.leave().await;
        }
        drained.map(|()| Next::Within(POLL))
    }

    fn abandon(&mut self) {
        self.letters = None;
    }

    async fn close(&mut self) {
        self.leave().await;
    }
}
