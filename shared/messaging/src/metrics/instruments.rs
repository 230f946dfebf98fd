//! The metrics of messaging: outbox, inbox, parked messages, the broker, whole flows.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use event::EventMeta;
use jiff::Timestamp;
use metrics::{Counter, Gauge, Histogram, Labeled, Registry, SECONDS};
use uuid::Uuid;

/// Bounds of histograms of batches: powers of two up to the largest batch.
const BATCHES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
/// Bounds of histograms of flows, in seconds: from what nobody notices to what somebody fixed on the next day.
const FLOWS: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86_400.0];

/// The event types that a service publishes or reacts to: whatever comes in, labels have few values.
#[derive(Clone, Debug, Default)]
pub struct KnownTypes(Arc<OnceLock<Vec<&'static str>>>);

impl KnownTypes {
    /// From now on these are known. The first to say so is right.
    pub(super) fn set(&self, types: Vec<&'static str>) {
        let _ = self.0.set(types);
    }

    /// `name` if it is known, else `unknown`.
    fn label(&self, name: &str) -> [&'static str; 1] {
        [self.0.get().and_then(|types| types.iter().find(|known| **known == name)).copied().unwrap_or("unknown")]
    }
}

/// Events on their way out.
#[derive(Debug)]
pub struct Outbox {
    types: KnownTypes,
    pub(super) unpublished: Gauge,
    pub(super) oldest: Gauge,
    pub(super) published: Labeled<Counter>,
    confirm: Histogram,
    returned: Counter,
}

impl Outbox {
    pub(super) fn new(registry: &Registry, types: &KnownTypes) -> Self {
        Self {
            types: types.clone(),
            unpublished: registry.gauge(
                "outbox_unpublished_events",
                "Events in the outbox that the broker has not confirmed yet; sampled",
            ),
            oldest: registry.gauge(
                "outbox_oldest_unpublished_seconds",
                "How long ago the first of them was recorded, 0 if there is none; sampled",
            ),
            published: registry.counters(
                "outbox_published_total",
                ["event_type"],
                "Events that the broker has confirmed and that are marked as published",
            ),
            confirm: registry.histogram(
                "outbox_confirm_seconds",
                SECONDS,
                "How long the broker took to confirm a batch, from its first message to the last confirm",
            ),
            returned: registry.counter(
                "outbox_returned_total",
                "Attempts to publish an event that the broker did not confirm: returned, refused, or no answer in time; \
                 the event stays in the outbox",
            ),
        }
    }

    /// Of `sent` events the broker has confirmed so many, if it answered at all.
    pub(crate) fn answered(&self, sent: usize, confirmed: Option<usize>, took: Duration) {
        if confirmed.is_some() {
            self.confirm.observe(took.as_secs_f64());
        }
        self.returned.inc_by(sent.saturating_sub(confirmed.unwrap_or(0)) as u64);
    }

    pub(crate) fn published(&self, event: &EventMeta) {
        self.published.of(self.types.label(&event.event_type)).inc();
    }
}

/// Messages that came in.
#[derive(Debug)]
pub struct Inbox {
    types: KnownTypes,
    pub(super) handled: Labeled<Counter>,
    pub(super) already_handled: Labeled<Counter>,
    pub(super) handler: Labeled<Histogram>,
    batch: Histogram,
    transaction: Histogram,
}

impl Inbox {
    pub(super) fn new(registry: &Registry, types: &KnownTypes) -> Self {
        Self {
            types: types.clone(),
            handled: registry.counters(
                "inbox_handled_total",
                ["event_type"],
                "Messages whose effect is committed, at the first attempt or a later one",
            ),
            already_handled: registry.counters(
                "inbox_already_handled_total",
                ["event_type"],
                "Messages that the service has had before, and so did nothing about",
            ),
            batch: registry.histogram(
                "inbox_batch_messages",
                BATCHES,
                "How many messages shared a transaction that was committed",
            ),
            handler: registry.histograms(
                "inbox_handler_seconds",
                ["event_type"],
                SECONDS,
                "How long the handler took for a message whose effect is committed",
            ),
            transaction: registry.histogram(
                "inbox_transaction_seconds",
                SECONDS,
                "How long a transaction of the inbox took that was committed, handlers and commit included",
            ),
        }
    }

    pub(crate) fn handled(&self, event: &EventMeta, handler: Duration) {
        self.handled.of(self.types.label(&event.event_type)).inc();
        self.handler.of(self.types.label(&event.event_type)).observe(handler.as_secs_f64());
    }

    pub(crate) fn already_handled(&self, event: &EventMeta) {
        self.already_handled.of(self.types.label(&event.event_type)).inc();
    }

    pub(crate) fn committed(&self, messages: usize, transaction: Duration) {
        self.batch.observe(u32::try_from(messages).map_or(f64::INFINITY, f64::from));
        self.transaction.observe(transaction.as_secs_f64());
    }
}

/// What could not be handled.
#[derive(Debug)]
pub struct Parked {
    pub(super) messages: Labeled<Gauge>,
    pub(super) oldest: Labeled<Gauge>,
}

impl Parked {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            messages: registry.gauges(
                "parked_messages",
                ["state"],
                "Messages that could not be handled, by state: `waiting` for another attempt, `behind` an earlier one of \
                 their subject, `dead` until a person decides; sampled",
            ),
            oldest: registry.gauges(
                "parked_oldest_seconds",
                ["state"],
                "How long ago the oldest of them was parked, 0 if there is none; sampled",
            ),
        }
    }
}

/// The connections to the broker.
#[derive(Debug)]
pub struct Broker {
    /// The relay's.
    pub publisher: Connection,
    /// The router's.
    pub subscriber: Connection,
    /// 1 while the broker takes nothing.
    pub blocked: Gauge,
}

impl Broker {
    pub(super) fn new(registry: &Registry) -> Self {
        let connected = registry.gauges(
            "broker_connected",
            ["connection"],
            "1 while the connection to the broker stands, else 0: the relay's (`publisher`) and the router's (`subscriber`)",
        );
        let reconnects = registry.counters(
            "broker_reconnects_total",
            ["connection"],
            "Connections to the broker that were made again after they had been lost",
        );
        let connection = |name| {
            let (connected, reconnects) = (connected.of([name]), reconnects.of([name]));
            connected.set(0);
            Connection { connected, reconnects }
        };
        let (publisher, subscriber) = (connection("publisher"), connection("subscriber"));
        let blocked = registry.gauge(
            "broker_blocked",
            "1 while the broker takes nothing from publishers (a memory or disk alarm), else 0",
        );
        blocked.set(0);
        Self { publisher, subscriber, blocked }
    }
}

/// A connection to the broker, which somebody keeps up.
#[derive(Debug)]
pub struct Connection {
    connected: Gauge,
    reconnects: Counter,
}

impl Connection {
    /// Whether it stands, and how often it was made again so far.
    pub(crate) fn set_state(&self, connected: bool, reconnects: u64) {
        self.connected.set(u8::from(connected));
        self.reconnects.inc_by(reconnects.saturating_sub(self.reconnects.get()));
    }
}

/// Whole flows.
#[derive(Debug)]
pub struct Flow {
    types: KnownTypes,
    pub(super) duration: Labeled<Histogram>,
}

impl Flow {
    pub(super) fn new(registry: &Registry, types: &KnownTypes) -> Self {
        let help = "How long after the beginning of its flow an event was recorded, told by the event's owner";
        Self {
            types: types.clone(),
            duration: registry.histograms("flow_duration_seconds", ["event_type"], FLOWS, help),
        }
    }

    /// `event` was committed at `now`. Nothing is known of a flow whose id does not say when it was made.
    pub(crate) fn recorded(&self, event: &EventMeta, now: Timestamp) {
        if let Some(begun) = begun(event.correlation_id) {
            let seconds = now.duration_since(begun).as_secs_f64().max(0.0);
            self.duration.of(self.types.label(&event.event_type)).observe(seconds);
        }
    }
}

/// When a flow began: its correlation id is that of its first event, a UUIDv7 (RFC 9562, section 5.7), which begins with
/// the milliseconds since the epoch.
fn begun(correlation_id: Uuid) -> Option<Timestamp> {
    if correlation_id.get_version_num() != 7 {
        return None;
    }
    let (seconds, nanos) = correlation_id.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_begins_when_its_first_id_was_made() {
        let now: Timestamp = "2026-11-20T19:45:00.123Z".parse().expect("a time");
        let clock = crate::clock::Clock::seeded(now, 1);
        assert_eq!(begun(clock.new_id()), Some(now));
        assert_eq!(begun(Uuid::new_v5(&Uuid::NAMESPACE_OID, b"a derived id")), None);
        assert_eq!(begun(Uuid::max()), None);
    }

    #[test]
    fn only_known_events_are_labels() {
        let types = KnownTypes::default();
        assert_eq!(types.label("order_placed"), ["unknown"]);
        types.set(vec!["order_placed"]);
        assert_eq!(types.label("order_placed"), ["order_placed"]);
        assert_eq!(types.label("order_placed "), ["unknown"]);
    }
}
