//! What the broker itself gave up on, because this service took it again and again and never settled it: drained into the
//! same table as everything else that could not be handled.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::park;
use crate::{
    bus::{BusError, Delivery, Subscriber},
    database::Database,
    failure::Failure,
    message::ReceivedMessage,
};

/// Drains `<service>.dead`.
pub struct DeadLetters {
    database: Database,
    subscriber: Box<dyn Subscriber>,
}

/// Why draining was interrupted.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("the channel was closed")]
    ChannelClosed,
}

impl DeadLetters {
    /// Takes what comes from `subscriber`'s dead letters into the table `parked`.
    pub fn new(database: Database, subscriber: Box<dyn Subscriber>) -> Self {
        Self { database, subscriber }
    }

    /// Drains until `shutdown`, whatever happens to the broker and the database; the router says how they are.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = shutdown.cancelled() => {}
                result = self.drain() => {
                    if result.is_ok() {
                        shutdown.cancelled().await;
                    }
                    let rest = Duration::from_millis(fastrand::u64(500..1500));
                    let _ = tokio::time::timeout(rest, shutdown.cancelled()).await;
                }
            }
        }
        self.subscriber.close().await;
    }

    /// Until something breaks; `Ok` if this bus has no dead letters.
    async fn drain(&mut self) -> Result<(), Interrupted> {
        let Some(mut letters) = self.subscriber.dead_letters().await? else { return Ok(()) };
        let result = loop {
            let Some(letter) = letters.next().await else { break Err(Interrupted::ChannelClosed) };
            if let Err(error) = self.take(letter).await {
                break Err(error);
            }
        };
        letters.close().await;
        result
    }

    /// Parks one as dead, unless this service has taken charge of it meanwhile; then the broker may forget it.
    async fn take(&self, mut letter: Delivery) -> Result<(), Interrupted> {
        let body = std::mem::take(&mut letter.body);
        let message = ReceivedMessage::new(&letter, body);
        let reason = letter.dead_letter_reason.clone().unwrap_or_default();
        park(&self.database, &message, &Failure::GivenUpByBroker(reason)).await?;
        if letter.ack().await { Ok(()) } else { Err(Interrupted::ChannelClosed) }
    }
}
