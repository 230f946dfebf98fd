//! One session on the bus: bind, catch up from the histories, consume the queue, heal lost bindings.

use std::time::Duration;

use event::EventType;
use futures_util::{FutureExt, future::select_all};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{
    Router,
    settings::{RouterSettings, SIGN_OF_LIFE, SessionError},
};
use crate::{
    bus::{Deliveries, Delivery, fill},
    database::in_time,
    health::Condition,
    history::{
        self, CATCH_UP,
        reader::{Chunk, HistoryReader},
    },
    inbox, known,
    lock::Lock,
    message::{Batch, ReceivedMessage},
};

/// How often the session asks itself whether the histories are read to their end.
const TICK: Duration = Duration::from_millis(250);
/// How often it asks the broker for what is not there yet: exchanges and histories of owners that have never started.
/// Each no closes a channel and is a line in the broker's log.
const ASK: Duration = Duration::from_secs(1);

/// How long after a history has brought something the queue is asked for copies of it.
const OVERLAP: Duration = Duration::from_mins(1);
/// How long a replica may wait for another's catch-up and count as ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a session is doing.
struct Session {
    /// The queue; `None` until the service has caught up.
    queue: Option<Box<dyn Deliveries>>,
    /// The histories that are being read; empty most of the time.
    readings: Vec<HistoryReader>,
    /// Events whose exchange does not exist yet.
    missing: Vec<EventType>,
    lock: Option<Lock>,
    next_asking: Instant,
    next_reconciliation: Instant,
    /// Until then the queue may bring what a history has brought before.
    overlap_until: Instant,
}

/// What happened next.
enum Next {
    Queue(Option<Delivery>),
    History(usize, Option<Delivery>),
    Tick,
    ShuttingDown,
}

impl Router {
    /// Receives until `shutdown` or until something breaks.
    pub(super) async fn session(&mut self, shutdown: &CancellationToken) -> Result<(), SessionError> {
        let mut session = self.open(shutdown).await?;
        let result = self.receive(&mut session, shutdown).await;
        session.close().await;
        result
    }

    async fn receive(&mut self, session: &mut Session, shutdown: &CancellationToken) -> Result<(), SessionError> {
        let mut tick = Instant::now();
        loop {
            self.health.expect("router", true, SIGN_OF_LIFE);
            match session.next(tick, shutdown).await {
                Next::Queue(Some(first)) => {
                    self.handle_queued(session, first, shutdown).await?;
                    continue;
                }
                Next::History(reading, Some(first)) => {
                    self.handle_history(session, reading, first, shutdown).await?;
                    // The first that is ready is taken: whoever had a turn is asked last.
                    session.readings.rotate_left(reading + 1);
                }
                Next::Queue(None) | Next::History(_, None) => return Err(SessionError::ChannelClosed),
                Next::ShuttingDown => return Err(SessionError::ShuttingDown),
                Next::Tick => {}
            }
            // A history that never pauses comes before the tick: it must not keep it off.
            if Instant::now() >= tick {
                self.tick(session).await?;
                tick = Instant::now() + TICK;
            }
        }
    }

    /// Binds, and looks how far each history was read. Under a lock if something is to be caught up.
    async fn open(&mut self, shutdown: &CancellationToken) -> Result<Session, SessionError> {
        let owners = self.topology.owners();
        let mut existed = self.subscriber.queue_exists().await?;
        let mut lock = None;
        if !existed || !in_time(history::are_caught_up(&self.database, &owners)).await? {
            lock = Some(self.lock(shutdown).await?);
            // Another replica may have made it meanwhile.
            existed = self.subscriber.queue_exists().await?;
        }
        // Committed before the queue is declared: a crash in between must not make the queue look old.
        let readings = self.begin_readings(existed).await?;
        let caught_up = readings.iter().all(|reading| reading.progress.caught_up);
        let now = Instant::now();
        let mut session = Session {
            queue: None,
            readings,
            missing: Vec::new(),
            lock,
            next_asking: now,
            next_reconciliation: now + self.settings.settling.every,
            overlap_until: now,
        };
        self.bind(&mut session).await?;
        if caught_up {
            self.go_live(&mut session).await?;
        } else {
            info!("catching up from the owners' histories");
        }
        Ok(session)
    }

    async fn begin_readings(&self, queue_existed: bool) -> Result<Vec<HistoryReader>, SessionError> {
        let RouterSettings { settling, mute_catch_up, .. } = self.settings;
        let mut readings = Vec::new();
        for owner in self.topology.owners() {
            let progress = in_time(history::begin(&self.database, owner, queue_existed, mute_catch_up)).await?;
            readings.push(HistoryReader::new(owner, progress, settling));
        }
        Ok(readings)
    }

    /// On one connection, however long it takes.
    async fn lock(&self, shutdown: &CancellationToken) -> Result<Lock, SessionError> {
        let mut lock = in_time(Lock::open(&self.database, CATCH_UP)).await?;
        let since = Instant::now();
        loop {
            self.health.expect("router", true, SIGN_OF_LIFE);
            if in_time(lock.try_take()).await? {
                return Ok(lock);
            }
            let reason = "another replica, which catches up".to_owned();
            let condition = if since.elapsed() < PATIENCE { Condition::Waiting } else { Condition::Down };
            self.health.set("router", condition(reason));
            shutdown.run_until_cancelled(sleep(TICK)).await.ok_or(SessionError::ShuttingDown)?;
        }
    }

    /// Declares the queue and binds what can be bound; tells the readings since when.
    async fn bind(&mut self, session: &mut Session) -> Result<(), SessionError> {
        session.missing = self.subscriber.bind().await?;
        self.database.metrics.broker.subscriber.set_state(true, self.subscriber.reconnects());
        for reading in &mut session.readings {
            if session.missing.iter().all(|event| event.owner != reading.cursor.owner) {
                reading.bound();
            }
        }
        self.say_how_it_is(session);
        Ok(())
    }

    fn say_how_it_is(&self, session: &Session) {
        let names: Vec<_> = session.missing.iter().map(|event| event.name).collect();
        let condition = match (&names[..], &session.queue) {
            ([], Some(_)) => Condition::Up,
            ([], None) => Condition::Waiting("the end of the owners' histories".into()),
            (names, _) => Condition::Waiting(format!("the exchanges {}", names.join(", "))),
        };
        self.health.set("router", condition);
    }

    async fn go_live(&mut self, session: &mut Session) -> Result<(), SessionError> {
        session.queue = Some(self.subscriber.consume().await?);
        if let Some(lock) = session.lock.take() {
            lock.release().await;
        }
        self.say_how_it_is(session);
        Ok(())
    }

    async fn handle_queued(
        &mut self,
        session: &mut Session,
        first: Delivery,
        shutdown: &CancellationToken,
    ) -> Result<(), SessionError> {
        let Some(queue) = session.queue.as_deref_mut() else { return Ok(()) };
        let mut deliveries = fill(first, queue, self.dispatcher.size());
        let messages = deliveries.iter_mut().map(|delivery| {
            let body = std::mem::take(&mut delivery.body);
            ReceivedMessage::new(delivery, body)
        });
        let mut messages: Vec<_> = messages.collect();
        // A database that can't be asked is the dispatcher's to wait for: it holds what was delivered.
        let overlaps = Instant::now() < session.overlap_until
            && in_time(inbox::drop_known(&self.database, &mut messages)).await.unwrap_or(false);
        if overlaps {
            session.overlap_until = Instant::now() + OVERLAP;
        }
        if !messages.is_empty() {
            self.dispatcher.dispatch(Batch { messages, cursor: None }, shutdown).await?;
        }
        for delivery in deliveries {
            if !delivery.ack().await {
                return Err(SessionError::ChannelClosed);
            }
        }
        Ok(())
    }

    /// Hands on what this service reacts to and has never taken charge of.
    async fn handle_history(
        &mut self,
        session: &mut Session,
        reading: usize,
        first: Delivery,
        shutdown: &CancellationToken,
    ) -> Result<(), SessionError> {
        let reading = &mut session.readings[reading];
        let Chunk { messages, cursor } = reading.chunk(first, self.dispatcher.size()).await;
        let missing = in_time(known::missing(&self.database, &messages)).await?;
        let ours = |message: &ReceivedMessage| {
            missing.contains(&message.id) && self.topology.reacts_to.iter().any(|event| event.name == message.exchange)
        };
        let mut messages: Vec<_> = messages.into_iter().filter(ours).collect();
        for message in &mut messages {
            message.redelivered = reading.suspicious > 0;
            reading.suspicious = reading.suspicious.saturating_sub(1);
        }
        if messages.is_empty() {
            return Ok(in_time(history::advance_alone(&self.database, &cursor)).await?);
        }
        session.overlap_until = Instant::now() + OVERLAP;
        self.dispatcher.dispatch(Batch { messages, cursor: Some(cursor) }, shutdown).await
    }

    async fn tick(&mut self, session: &mut Session) -> Result<(), SessionError> {
        let now = Instant::now();
        if session.readings.is_empty() && now >= session.next_reconciliation {
            self.begin_reconciliation(session).await?;
            session.next_asking = now;
        }
        for reading in &mut session.readings {
            if reading.look_for_end().await {
                session.next_asking = now;
            }
        }
        if now >= session.next_asking {
            self.ask(session).await?;
            session.next_asking = now + ASK;
        }
        if session.is_read() {
            self.end_reading(session).await?;
        }
        Ok(())
    }

    /// Binds what could not be bound, opens what could not be opened.
    async fn ask(&mut self, session: &mut Session) -> Result<(), SessionError> {
        if !session.missing.is_empty() {
            self.bind(session).await?;
        }
        for reading in &mut session.readings {
            reading.open(self.subscriber.as_mut()).await?;
        }
        Ok(())
    }

    /// Binds again and reads what is new in the histories.
    async fn begin_reconciliation(&mut self, session: &mut Session) -> Result<(), SessionError> {
        session.next_reconciliation = Instant::now() + self.settings.settling.every;
        session.readings = self.begin_readings(true).await?;
        self.bind(session).await
    }

    async fn end_reading(&mut self, session: &mut Session) -> Result<(), SessionError> {
        session.next_reconciliation = Instant::now() + self.settings.settling.every;
        for mut reading in session.readings.drain(..) {
            reading.close().await;
            in_time(history::finish(&self.database, reading.cursor.owner)).await?;
        }
        if session.queue.is_none() {
            info!("caught up: consuming the queue");
            self.go_live(session).await?;
        }
        Ok(())
    }
}

impl Session {
    async fn next(&mut self, tick: Instant, shutdown: &CancellationToken) -> Next {
        let Self { queue, readings, .. } = self;
        let queued = async {
            match queue {
                Some(queue) => queue.next().await,
                None => std::future::pending().await,
            }
        };
        let next: Vec<_> = readings.iter_mut().map(|reading| reading.next().boxed()).collect();
        let read = async { if next.is_empty() { std::future::pending().await } else { select_all(next).await } };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Next::ShuttingDown,
            // Before the tick, which asks whether the histories are empty: only this has looked.
            (delivery, reading, _) = read => Next::History(reading, delivery),
            () = sleep_until(tick) => Next::Tick,
            delivery = queued => Next::Queue(delivery),
        }
    }

    /// Whether all histories are read. A service that has been caught up before does not wait for owners who are unreachable.
    fn is_read(&self) -> bool {
        let live = self.queue.is_some();
        let done = |reading: &HistoryReader| reading.is_finished() || live && reading.is_waiting_for_owner();
        !self.readings.is_empty() && self.readings.iter().all(done)
    }

    /// Closes the channels, so that what is not settled comes again.
    async fn close(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.close().await;
        }
        for reading in &mut self.readings {
            reading.close().await;
        }
        if let Some(lock) = self.lock.take() {
            lock.release().await;
        }
    }
}
