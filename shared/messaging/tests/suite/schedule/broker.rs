//! A broker that keeps RabbitMQ's promises and none beyond: a message is confirmed once it is stored, a queue is first in,
//! first out, what is not settled comes again in its place. What it does wrong, the schedule says.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use futures_util::{FutureExt, future::BoxFuture};
use messaging::{
    bus::{BusError, Delivery, Message, Publisher},
    failpoint::Failpoint,
    testing::stepped::hit,
};
use uuid::Uuid;

use super::{journal::Journal, moves::Service};

/// What may happen to a message on its way to the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is stored, its confirm does not arrive in time.
    ConfirmLost,
    /// It vanishes.
    Lost,
    /// It is stored twice.
    Doubled,
    /// It is not confirmed in time, and stored some time later: the relay has closed that channel long ago.
    Late,
    /// The connection is lost before it, and with it the confirms of what was sent before.
    CutOff,
    /// The same, after it was stored.
    CutOffAfter,
    /// The broker closes the channel over it.
    Refused,
}

impl Fault {
    pub const ALL: [Self; 7] =
        [Self::ConfirmLost, Self::Lost, Self::Doubled, Self::Late, Self::CutOff, Self::CutOffAfter, Self::Refused];
}

#[derive(Clone)]
pub struct Broker {
    state: Arc<Mutex<State>>,
    journal: Journal,
}

#[derive(Default)]
struct State {
    orders: Queue,
    billing: Queue,
    faults: VecDeque<Fault>,
    late: VecDeque<Message>,
    alarms: usize,
    last_channel: u64,
}

/// A quorum queue with a single active consumer: the first of `consumers`.
#[derive(Default)]
struct Queue {
    messages: VecDeque<Stored>,
    /// How many of the first messages the active consumer holds.
    unsettled: usize,
    consumers: VecDeque<u64>,
}

struct Stored {
    message: Message,
    redelivered: bool,
}

impl State {
    fn queue(&mut self, service: Service) -> &mut Queue {
        match service {
            Service::Orders => &mut self.orders,
            Service::Billing => &mut self.billing,
        }
    }

    /// By its exchange, into the queue that is bound to it.
    fn store(&mut self, message: Message) {
        let bound = if message.exchange == "invoice_issued" { Service::Orders } else { Service::Billing };
        self.queue(bound).messages.push_back(Stored { message, redelivered: false });
    }
}

impl Queue {
    fn close(&mut self, channel: u64) {
        if self.consumers.front() == Some(&channel) {
            self.messages.iter_mut().take(self.unsettled).for_each(|stored| stored.redelivered = true);
            self.unsettled = 0;
        }
        self.consumers.retain(|consumer| *consumer != channel);
    }
}

impl Broker {
    pub fn new(journal: Journal) -> Self {
        Self { state: Arc::default(), journal }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn plan(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    pub fn plan_alarm(&self) {
        self.state().alarms += 1;
    }

    /// What was under way the longest arrives.
    pub fn late_arrival(&self) {
        let mut state = self.state();
        if let Some(message) = state.late.pop_front() {
            self.journal.write(format!("  {} arrives late", self.journal.name(message.id)));
            state.store(message);
        }
    }

    /// From here on nothing goes wrong any more.
    pub fn behave(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.alarms = 0;
        while let Some(message) = state.late.pop_front() {
            state.store(message);
        }
    }

    pub fn holds_messages_for(&self, service: Service) -> bool {
        !self.state().queue(service).messages.is_empty()
    }

    /// The active consumer's connection is lost.
    pub fn cut(&self, service: Service) {
        let mut state = self.state();
        let queue = state.queue(service);
        if let Some(active) = queue.consumers.front().copied() {
            queue.close(active);
        }
    }

    pub fn subscribe(&self, service: Service) -> Channel {
        let mut state = self.state();
        state.last_channel += 1;
        let number = state.last_channel;
        state.queue(service).consumers.push_back(number);
        Channel { broker: self.clone(), service, number }
    }

    /// Takes one message, as `fault` has it; gives whether it is confirmed.
    fn take(&self, message: Message) -> Result<bool, BusError> {
        let mut state = self.state();
        let fault = state.faults.pop_front();
        let name = self.journal.name(message.id);
        self.journal.write(match fault {
            Some(fault) => format!("  {name} is published: {fault:?}"),
            None => format!("  {name} is published"),
        });
        let away = || BusError::Unreachable("cut off".into());
        match fault {
            None => state.store(message),
            Some(Fault::Doubled) => {
                state.store(message.clone());
                state.store(message);
            }
            Some(Fault::ConfirmLost) => {
                state.store(message);
                return Ok(false);
            }
            Some(Fault::Late) => {
                state.late.push_back(message);
                return Ok(false);
            }
            Some(Fault::Lost) => return Ok(false),
            Some(Fault::CutOff) => return Err(away()),
            Some(Fault::CutOffAfter) => {
                state.store(message);
                return Err(away());
            }
            Some(Fault::Refused) => return Err(BusError::Refused(format!("closed over {name}"))),
        }
        Ok(true)
    }
}

impl Publisher for Broker {
    fn prepare(&mut self) -> BoxFuture<'_, Result<(), BusError>> {
        async { Ok(()) }.boxed()
    }

    fn is_blocked(&self) -> bool {
        let mut state = self.state();
        let blocked = state.alarms > 0;
        state.alarms = state.alarms.saturating_sub(1);
        blocked
    }

    fn publish(&mut self, batch: Vec<Message>) -> BoxFuture<'_, Result<HashSet<Uuid>, BusError>> {
        async move {
            let mut confirmed = HashSet::new();
            for message in batch {
                let id = message.id;
                if self.take(message)? {
                    confirmed.insert(id);
                }
                hit(Failpoint::Published).await;
            }
            Ok(confirmed)
        }
        .boxed()
    }
}

/// A consumer's channel; dropping it closes it.
pub struct Channel {
    broker: Broker,
    service: Service,
    number: u64,
}

impl Channel {
    /// Up to `max` messages, in their order; `None` if the channel is gone.
    pub fn take(&self, max: usize) -> Option<Vec<Delivery>> {
        let mut state = self.broker.state();
        let queue = state.queue(self.service);
        if !queue.consumers.contains(&self.number) {
            return None;
        }
        if queue.consumers.front() != Some(&self.number) {
            return Some(Vec::new());
        }
        let taken: Vec<_> = queue.messages.iter().skip(queue.unsettled).take(max).map(|s| self.deliver(s)).collect();
        queue.unsettled += taken.len();
        Some(taken)
    }

    fn deliver(&self, stored: &Stored) -> Delivery {
        let Stored { message, redelivered } = stored;
        let name = self.broker.journal.name(message.id);
        self.broker.journal.write(format!("  {name} is {}", if *redelivered { "redelivered" } else { "delivered" }));
        let (broker, service, number, id) = (self.broker.clone(), self.service, self.number, message.id);
        Delivery {
            message_id: Some(message.id.to_string()),
            exchange: message.exchange.clone(),
            redelivered: *redelivered,
            offset: None,
            dead_letter_reason: None,
            body: message.body.clone(),
            settle: Box::new(move || std::future::ready(broker.settle(service, number, id)).boxed()),
        }
    }
}

impl Broker {
    fn settle(&self, service: Service, channel: u64, id: Uuid) -> bool {
        let mut state = self.state();
        let queue = state.queue(service);
        if queue.consumers.front() != Some(&channel) {
            return false;
        }
        let settled = queue.messages.pop_front().unwrap();
        assert_eq!(settled.message.id, id, "deliveries are settled in their order");
        queue.unsettled -= 1;
        true
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.broker.state().queue(self.service).close(self.number);
    }
}
