//! What happened between two looks.

use std::collections::BTreeMap;

use client::Service;
use metrics::scrape::{Buckets, Scrape};
use serde::Serialize;

use super::scrape::Look;

/// The flows whose times people care about.
const FLOWS: [&str; 3] = ["welcome_email_sent", "status_points_added", "customer_onboarded"];

/// What there is to show. Rates are per second and times in seconds, both of the interval.
#[derive(Debug, PartialEq, Serialize)]
pub struct View {
    pub interval_seconds: f64,
    pub services: Vec<Line>,
    pub flows: Vec<Flow>,
    pub events: Vec<Rates>,
}

/// A service.
#[derive(Debug, PartialEq, Serialize)]
pub struct Line {
    pub service: Service,
    /// Null if it is unreachable.
    pub numbers: Option<Numbers>,
}

/// What a service says of itself; null is what it does not know.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Numbers {
    pub ready: bool,
    pub published_per_second: f64,
    pub handled_per_second: f64,
    pub outbox: Option<f64>,
    pub outbox_oldest_seconds: Option<f64>,
    pub waiting: Option<f64>,
    pub dead: Option<f64>,
    pub handler: Times,
    pub requests_per_second: f64,
    /// Of these, what was the service's fault (5xx).
    pub errors_per_second: f64,
    pub memory_bytes: Option<f64>,
}

/// Half of all took at most the one, all but a hundredth the other; null if there was none.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Times {
    pub p50_seconds: Option<f64>,
    pub p99_seconds: Option<f64>,
}

/// From the beginning of a flow to this event.
#[derive(Debug, PartialEq, Serialize)]
pub struct Flow {
    pub event_type: &'static str,
    pub recorded_per_second: f64,
    #[serde(flatten)]
    pub times: Times,
}

/// An event type, in the whole fleet.
#[derive(Debug, PartialEq, Serialize)]
pub struct Rates {
    pub event_type: String,
    pub published_per_second: f64,
    pub handled_per_second: f64,
    pub already_handled_per_second: f64,
}

impl View {
    /// From the earlier look to the later one.
    pub fn new(before: &Look, now: &Look) -> Self {
        let seconds = now.at.duration_since(before.at).as_secs_f64();
        // A rate needs both looks; the values of now do not.
        let spans: Vec<_> = before
            .services
            .iter()
            .zip(&now.services)
            .map(|((_, then), (service, now))| {
                (*service, now.as_ref().map(|now| Span { then: then.as_ref().unwrap_or(now), now, seconds }))
            })
            .collect();
        let present: Vec<_> = spans.iter().filter_map(|(_, span)| *span).collect();
        Self {
            interval_seconds: seconds,
            services: spans
                .iter()
                .map(|(service, span)| Line { service: *service, numbers: span.map(numbers) })
                .collect(),
            flows: FLOWS.map(|event_type| flow(&present, event_type)).into(),
            events: events(&present),
        }
    }
}

/// A service's metrics, earlier and now.
#[derive(Clone, Copy)]
struct Span<'a> {
    then: &'a Scrape,
    now: &'a Scrape,
    seconds: f64,
}

impl Span<'_> {
    /// Per second. A counter that is smaller than it was began again at zero.
    fn rate(self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let value = |scrape: &Scrape| scrape.sum(name, labels).unwrap_or(0.0);
        let (then, now) = (value(self.then), value(self.now));
        (if now < then { now } else { now - then }) / self.seconds
    }

    fn histogram(self, name: &str, labels: &[(&str, &str)]) -> Buckets {
        self.now.histogram(name, labels).since(&self.then.histogram(name, labels))
    }
}

fn numbers(span: Span) -> Numbers {
    let now = |name, labels| span.now.sum(name, labels);
    let requests = "http_server_request_duration_seconds_count";
    let failed = span
        .now
        .named(requests)
        .filter_map(|sample| sample.labels.get("status").filter(|status| status.starts_with('5')));
    let mut failed: Vec<_> = failed.collect();
    failed.sort_unstable();
    failed.dedup();
    Numbers {
        ready: now("service_ready", &[]) == Some(1.0),
        published_per_second: span.rate("outbox_published_total", &[]),
        handled_per_second: span.rate("inbox_handled_total", &[]),
        outbox: now("outbox_unpublished_events", &[]),
        outbox_oldest_seconds: now("outbox_oldest_unpublished_seconds", &[]),
        waiting: now("parked_messages", &[("state", "waiting")]),
        dead: now("parked_messages", &[("state", "dead")]),
        handler: times(&span.histogram("inbox_handler_seconds", &[])),
        requests_per_second: span.rate(requests, &[]),
        errors_per_second: failed
            .into_iter()
            .map(|status| span.rate(requests, &[("status", status)]))
            .fold(0.0, |all, rate| all + rate),
        memory_bytes: now("process_resident_memory_bytes", &[]),
    }
}

fn times(buckets: &Buckets) -> Times {
    Times { p50_seconds: buckets.quantile(0.5), p99_seconds: buckets.quantile(0.99) }
}

/// Only the event's owner tells, so there is nothing to add up.
fn flow(spans: &[Span], event_type: &'static str) -> Flow {
    let labels = [("event_type", event_type)];
    let owner = spans.iter().find(|span| span.now.sum("flow_duration_seconds_count", &labels).is_some());
    Flow {
        event_type,
        recorded_per_second: owner.map_or(0.0, |span| span.rate("flow_duration_seconds_count", &labels)),
        times: owner.map(|span| times(&span.histogram("flow_duration_seconds", &labels))).unwrap_or_default(),
    }
}

fn events(spans: &[Span]) -> Vec<Rates> {
    let mut events: BTreeMap<String, [f64; 3]> = BTreeMap::new();
    let counters = ["outbox_published_total", "inbox_handled_total", "inbox_already_handled_total"];
    for span in spans {
        for (at, counter) in counters.into_iter().enumerate() {
            for event_type in span.now.named(counter).filter_map(|sample| sample.labels.get("event_type")) {
                events.entry(event_type.clone()).or_default()[at] += span.rate(counter, &[("event_type", event_type)]);
            }
        }
    }
    let event =
        |(event_type, [published_per_second, handled_per_second, already_handled_per_second]): (_, [f64; 3])| Rates {
            event_type,
            published_per_second,
            handled_per_second,
            already_handled_per_second,
        };
    events.into_iter().map(event).collect()
}

#[cfg(test)]
pub mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const NEW: &str = r#"
service_ready 0.0
inbox_handled_total{event_type="status_points_added"} 1000
"#;
    const BEFORE: &str = r#"
service_ready 1.0
outbox_published_total{event_type="welcome_email_sent"} 10
inbox_handled_total{event_type="customer_created"} 10
http_server_request_duration_seconds_count{status="200"} 10
http_server_request_duration_seconds_count{status="503"} 10
flow_duration_seconds_count{event_type="welcome_email_sent"} 10
flow_duration_seconds_bucket{event_type="welcome_email_sent",le="1.0"} 10
flow_duration_seconds_bucket{event_type="welcome_email_sent",le="2.0"} 10
flow_duration_seconds_bucket{event_type="welcome_email_sent",le="+Inf"} 10
"#;
    const NOW: &str = r#"
service_ready 1.0
outbox_published_total{event_type="welcome_email_sent"} 30
outbox_unpublished_events 4.0
outbox_oldest_unpublished_seconds 90.5
parked_messages{state="waiting"} 2.0
parked_messages{state="dead"} 1.0
process_resident_memory_bytes 52428800.0
inbox_handled_total{event_type="customer_created"} 4
http_server_request_duration_seconds_count{status="200"} 14
http_server_request_duration_seconds_count{status="503"} 12
flow_duration_seconds_count{event_type="welcome_email_sent"} 14
flow_duration_seconds_bucket{event_type="welcome_email_sent",le="1.0"} 10
flow_duration_seconds_bucket{event_type="welcome_email_sent",le="2.0"} 14
flow_duration_seconds_bucket{event_type="welcome_email_sent",le="+Inf"} 14
"#;

    /// Two seconds of `email`, while `customer` has just come and `loyalty` is unreachable.
    pub fn view() -> View {
        let at = Instant::now();
        let look = |at, customer, email| {
            let [of_customer, of_email, of_loyalty, ..] = Service::all() else { panic!("too few services") };
            let services = [(*of_customer, customer), (*of_email, email), (*of_loyalty, None)];
            Look {
                at,
                services: services.map(|(service, text): (_, Option<&str>)| (service, text.map(Scrape::parse))).into(),
            }
        };
        View::new(&look(at, None, Some(BEFORE)), &look(at + Duration::from_secs(2), Some(NEW), Some(NOW)))
    }

    #[test]
    fn rates_and_times_are_those_of_the_interval() {
        let View { services, flows, events, .. } = view();
        let [Line { numbers: Some(customer), .. }, Line { numbers: Some(email), .. }, Line { numbers: None, .. }] =
            &services[..]
        else {
            panic!("{services:?}")
        };
        assert_eq!(
            (customer.published_per_second, customer.handled_per_second, customer.outbox),
            (0.0, 0.0, None),
            "it has just come"
        );
        assert_eq!((email.published_per_second, email.requests_per_second, email.errors_per_second), (10.0, 3.0, 1.0));
        assert_eq!((email.handled_per_second, email.dead), (2.0, Some(1.0)), "the counter began again");
        assert_eq!(
            (email.outbox, email.outbox_oldest_seconds, email.waiting, email.dead),
            (Some(4.0), Some(90.5), Some(2.0), Some(1.0))
        );
        let times = Times { p50_seconds: Some(1.5), p99_seconds: Some(1.99) };
        assert_eq!(flows[0], Flow { event_type: "welcome_email_sent", recorded_per_second: 2.0, times });
        assert_eq!((flows[1].recorded_per_second, flows[1].times.p50_seconds), (0.0, None));
        assert_eq!(events.len(), 3);
    }
}
