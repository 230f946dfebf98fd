//! A batch through the stack; if that fails, each message alone, so that one bad message never hurts its neighbours.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt, util::BoxService};

use super::settings::{RouterSettings, SessionError};
use crate::{
    database::Database,
    failpoint::{Failpoint, hit},
    failure::{self, Failure},
    handler::Handlers,
    history,
    inbox::Inbox,
    message::{Batch, Outcome, ReceivedMessage},
    middleware, parked, poison,
};

/// How long deliveries are held while the database is unreachable; below the broker's consumer timeout of 30 minutes.
const HOLD: Duration = Duration::from_mins(15);

/// Takes charge of messages: each is handled, or parked, when it returns.
pub struct Dispatcher {
    database: Database,
    stack: BoxService<Batch, Vec<Outcome>, Failure>,
    max_batch: usize,
    /// Halved after a failed batch, doubled after a good one.
    size: usize,
}

impl Dispatcher {
    /// A dispatcher to `handlers`, through the default middleware.
    pub fn new(database: Database, handlers: Handlers, settings: &RouterSettings) -> Self {
        let layers = handlers.batch_layers().to_vec();
        let inbox = Inbox::new(database.clone(), handlers);
        let stack = middleware::stack(inbox.service(), &settings.limits, &layers);
        Self { database, stack, max_batch: settings.max_batch, size: settings.max_batch }
    }

    /// How many messages the next batch may have.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Takes charge of every message of `batch`, in its order. Waits while the database is unreachable.
    pub async fn dispatch(&mut self, batch: Batch, shutdown: &CancellationToken) -> Result<(), SessionError> {
        // A redelivered message may have killed the process, an undecodable one will fail for sure.
        if !batch.messages.iter().any(ReceivedMessage::runs_alone) {
            if self.attempt(batch.clone()).await.is_ok() {
                self.size = (self.size * 2).min(self.max_batch);
                return Ok(());
            }
            self.size = (self.size / 2).max(1);
            hit(Failpoint::Failed).await;
        }
        for message in batch.messages {
            self.dispatch_alone(message, shutdown).await?;
        }
        if let Some(cursor) = &batch.cursor {
            let mut tx = self.database.begin().await?;
            history::advance(tx.sql(), cursor).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn attempt(&mut self, batch: Batch) -> Result<Vec<Outcome>, Failure> {
        self.stack.ready().await?.call(batch).await
    }

    async fn dispatch_alone(
        &mut self,
        message: ReceivedMessage,
        shutdown: &CancellationToken,
    ) -> Result<(), SessionError> {
        let mut suspect = message.redelivered;
        let mut second_attempt = true;
        loop {
            self.wait_for_database(shutdown).await?;
            let Err(failure) = self.try_alone(&message, &mut suspect).await else { return Ok(()) };
            hit(Failpoint::Failed).await;
            if failure.is_worth_a_second_attempt() && std::mem::take(&mut second_attempt) {
                continue;
            }
            self.wait_for_database(shutdown).await?;
            match parked::park(&self.database, &message, &failure).await {
                Ok(()) => return Ok(()),
                // It went away between the look and the parking: the message is still ours.
                Err(error) if failure::is_unreachable(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn try_alone(&mut self, message: &ReceivedMessage, suspect: &mut bool) -> Result<(), Failure> {
        if *suspect {
            let begun = poison::begin(&self.database, message.id).await?;
            hit(Failpoint::Suspected).await;
            // Counted once: a second attempt is not another death of the process.
            *suspect = false;
            if begun >= poison::GIVE_UP_AT {
                return Err(Failure::KillsTheProcess);
            }
        }
        self.attempt(Batch::one(message.clone())).await.map(drop)
    }

    /// Holds what was delivered until the database is back; gives it to the broker again if that takes too long.
    async fn wait_for_database(&self, shutdown: &CancellationToken) -> Result<(), SessionError> {
        tokio::select! {
            () = self.database.wait_until_it_answers() => Ok(()),
            () = shutdown.cancelled() => Err(SessionError::ShuttingDown),
            () = tokio::time::sleep(HOLD) => Err(SessionError::HeldTooLong),
        }
    }
}
