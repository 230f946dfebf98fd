//! A batch through the stack; if that fails, each message alone, so that one bad message never hurts its neighbours.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt, util::BoxService};
use tracing::warn;

use super::settings::{RouterSettings, SIGN_OF_LIFE, SessionError};
use crate::{
    backoff::REST,
    database::{Database, in_time},
    failpoint::{Failpoint, hit},
    failure::{self, Failure},
    handler::Handlers,
    health::Health,
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
    /// Where the router gives signs of life, in the midst of a large batch too.
    health: Option<Health>,
}

impl Dispatcher {
    /// A dispatcher to `handlers`, through the default middleware.
    pub fn new(database: Database, handlers: Handlers, settings: &RouterSettings) -> Self {
        let layers = handlers.batch_layers().to_vec();
        let inbox = Inbox::new(database.clone(), handlers);
        let stack = middleware::stack(inbox.service(), &settings.limits, &layers);
        Self { database, stack, max_batch: settings.max_batch, size: settings.max_batch, health: None }
    }

    /// The same, as a part of the router.
    pub(super) fn in_router(self, health: Health) -> Self {
        Self { health: Some(health), ..self }
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
            in_time(history::advance_alone(&self.database, cursor)).await?;
        }
        Ok(())
    }

    async fn attempt(&mut self, batch: Batch) -> Result<Vec<Outcome>, Failure> {
        self.stack.ready().await?.call(batch).await
    }

    async fn dispatch_alone(
        &mut self,
        mut message: ReceivedMessage,
        shutdown: &CancellationToken,
    ) -> Result<(), SessionError> {
        let result = self.take_charge(&mut message, shutdown).await;
        if result.is_err() && message.redelivered {
            // It comes again, and the process is alive: whatever ended this, it was no death.
            let _ = in_time(poison::survived(&self.database, message.id)).await;
        }
        result
    }

    async fn take_charge(
        &mut self,
        message: &mut ReceivedMessage,
        shutdown: &CancellationToken,
    ) -> Result<(), SessionError> {
        let mut suspect = message.redelivered;
        let mut second_attempt = true;
        let mut held = Held { since: Instant::now(), rounds: 0 };
        loop {
            if let Some(health) = &self.health {
                health.expect("router", true, SIGN_OF_LIFE);
            }
            let Err(failure) = self.try_alone(message, &mut suspect).await else { return Ok(()) };
            hit(Failpoint::Failed).await;
            if failure.is_worth_a_second_attempt() && std::mem::take(&mut second_attempt) {
                continue;
            }
            if matches!(failure, Failure::IdOfAnother) {
                *message = message.clone().renamed();
                warn!(
                    event_type = message.exchange,
                    "it came with the id of an event of another type, and gets its own"
                );
                continue;
            }
            let unreachable = match failure {
                Failure::DatabaseUnreachable(error) if !self.kills_its_backend(&error).await => error,
                failure => match in_time(parked::park(&self.database, message.clone(), &failure)).await {
                    Ok(()) => return Ok(()),
                    // It went away between the attempt and the parking: the message is still ours.
                    Err(error) if failure::is_unreachable(&error) => error,
                    Err(error) => return Err(error.into()),
                },
            };
            self.hold(&mut held, &unreachable, shutdown).await?;
        }
    }

    async fn try_alone(&mut self, message: &ReceivedMessage, suspect: &mut bool) -> Result<(), Failure> {
        if *suspect {
            let begun = in_time(poison::begin(&self.database, message.id)).await?;
            hit(Failpoint::Suspected).await;
            // Counted once: a second attempt is not another death of the process.
            *suspect = false;
            if begun >= poison::GIVE_UP_AT {
                return Err(Failure::KillsTheProcess);
            }
        }
        self.attempt(Batch::one(message.clone())).await.map(drop)
    }

    /// A server that answers everybody else has lost the connection over this very message: then it is parked as any other.
    async fn kills_its_backend(&self, error: &sqlx::Error) -> bool {
        failure::is_lost_connection(error) && self.database.answers().await
    }

    /// Holds what was delivered while the database can do nothing for it; gives it to the broker again if that takes too
    /// long. The next attempt is what shows whether it is over: a full disk answers every question.
    async fn hold(
        &self,
        held: &mut Held,
        error: &sqlx::Error,
        shutdown: &CancellationToken,
    ) -> Result<(), SessionError> {
        let reason = failure::unreachable_because(error).unwrap_or_default();
        if self.database.trouble.set(reason) {
            warn!(reason, "what was delivered is held until the database takes it");
        }
        held.rounds += 1;
        if held.since.elapsed() > HOLD {
            return Err(SessionError::HeldTooLong);
        }
        let rest = sleep(REST.after(held.rounds));
        shutdown.run_until_cancelled(rest).await.ok_or(SessionError::ShuttingDown)
    }
}

/// Since when a message is held, and how often it was tried meanwhile.
struct Held {
    since: Instant,
    rounds: u32,
}
