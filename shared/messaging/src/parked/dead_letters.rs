//! What the broker itself gave up on, because this service took it again and again and never settled it: drained into the
//! same table as everything else that could not be handled.

use std::{collections::VecDeque, time::Duration};

use futures_util::FutureExt;
use tokio::time::Instant;

use super::park;
use crate::{
    bus::{CatchUpPolicy, Deliveries, Delivery, Subscriber},
    database::Database,
    failure::{DROPPED_UNSEEN, Failure},
    known,
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
    /// Dropped by the broker before anybody saw them: a history brings them, in their order.
    awaited: VecDeque<Awaited>,
    patience: Duration,
}

/// A letter that is not settled before this service has its message, by another way if that comes in time.
struct Awaited {
    message: ReceivedMessage,
    letter: Delivery,
    until: Instant,
}

impl DeadLetters {
    /// Takes what comes from `subscriber`'s dead letters into the table `parked`; what the broker dropped unseen only if no
    /// history has brought it after two of the looks that `policy` prescribes.
    pub fn new(database: Database, subscriber: Box<dyn Subscriber>, policy: CatchUpPolicy) -> Self {
        Self { database, subscriber, letters: None, awaited: VecDeque::new(), patience: policy.every * 2 }
    }

    /// What has come; `Ok` also if this bus has no dead letters.
    async fn drain(&mut self) -> Result<(), TurnFailed> {
        if self.letters.is_none() {
            self.letters = self.subscriber.dead_letters().await.map_err(|error| TurnFailed(error.to_string()))?;
        }
        while let Some(letters) = &mut self.letters
            && let Some(next) = letters.next().now_or_never()
        {
            let letter = next.ok_or_else(closed)?;
            match letter.dead_letter_reason.as_deref() {
                Some(reason) if DROPPED_UNSEEN.contains(&reason) => self.await_history(letter),
                _ => {
                    let (message, letter) = read(letter);
                    take(&self.database, message, letter).await?;
                }
            }
        }
        self.settle_awaited().await
    }

    fn await_history(&mut self, letter: Delivery) {
        let (message, letter) = read(letter);
        self.awaited.push_back(Awaited { message, letter, until: Instant::now() + self.patience });
    }

    /// What has come by a history is forgotten, what was awaited for too long is taken from here.
    async fn settle_awaited(&mut self) -> Result<(), TurnFailed> {
        if self.awaited.is_empty() {
            return Ok(());
        }
        let messages: Vec<_> = self.awaited.iter().map(|awaited| awaited.message.clone()).collect();
        let missing = known::missing(&self.database, &messages).await?;
        for _ in 0..self.awaited.len() {
            let Some(awaited) = self.awaited.pop_front() else { break };
            if !missing.contains(&awaited.message.id) {
                settle(awaited.letter).await?;
            } else if awaited.until <= Instant::now() {
                take(&self.database, awaited.message, awaited.letter).await?;
            } else {
                self.awaited.push_back(awaited);
            }
        }
        Ok(())
    }

    /// Leaves the bus: what is not settled comes again.
    async fn leave(&mut self) {
        self.awaited.clear();
        if let Some(letters) = self.letters.take() {
            letters.close().await;
        }
        self.subscriber.close().await;
    }
}

fn read(mut letter: Delivery) -> (ReceivedMessage, Delivery) {
    let body = std::mem::take(&mut letter.body);
    (ReceivedMessage::new(&letter, body), letter)
}

/// Parks one, unless this service has taken charge of it meanwhile; then the broker may forget it.
async fn take(database: &Database, message: ReceivedMessage, letter: Delivery) -> Result<(), TurnFailed> {
    let reason = letter.dead_letter_reason.clone().unwrap_or_default();
    park(database, message, &Failure::GivenUpByBroker(reason)).await?;
    settle(letter).await
}

async fn settle(letter: Delivery) -> Result<(), TurnFailed> {
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
        self.awaited.clear();
        self.letters = None;
    }

    async fn close(&mut self) {
        self.leave().await;
    }
}
