//! One registration, followed on every way there is to follow one.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use e2e::logs::{Hop, ONBOARDED};
use uuid::Uuid;

use super::{
    harness::Fleet,
    otlp::{Backend, Traced},
};

/// Kinds of spans (OpenTelemetry's `SpanKind`).
const SERVER: i32 = 2;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

const SPANS: [&str; 9] = [
    "POST /customers",
    "send customer_created",
    "process customer_created",
    "deliver mail",
    "send welcome_email_sent",
    "process welcome_email_sent",
    "send status_points_added",
    "process status_points_added",
    "send customer_onboarded",
];

#[tokio::test]
async fn a_registration_is_one_trace_and_one_flow_through_all_services() -> anyhow::Result<()> {
    let (backend, url) = Backend::listen().await?;
    let mut fleet = Fleet::prepare(false).await?;
    for service in e2e::services() {
        fleet.service(service).set("OTEL_EXPORTER_OTLP_ENDPOINT", &url);
        fleet.service(service).set("OTEL_BSP_SCHEDULE_DELAY", "100");
    }
    fleet.start_services().await?;

    let registration = fleet.api.register("ada@example.com").await?;
    fleet.ensure_all_onboarded(std::slice::from_ref(&registration)).await?;

    let spans = backend.until_trace(&registration.trace_id, &SPANS).await?;
    ensure_linked_up(&spans)?;
    ensure_attributed(&spans, registration.event_id)?;

    let hops = fleet.logs.until_flow(registration.event_id, &ONBOARDED).await?;
    ensure_traced(&hops, &registration.trace_id, registration.customer_id)?;
    ensure_transactions(&fleet, &hops, registration.customer_id).await
}

/// Every span leads up to the request, a consumer's by way of its producer.
fn ensure_linked_up(spans: &[Traced]) -> anyhow::Result<()> {
    for traced in spans {
        let (name, kind) = (&traced.span.name, traced.span.kind);
        let ancestors = traced.ancestors(spans)?;
        match name.split_once(' ') {
            Some(("POST", _)) => ensure!(kind == SERVER && ancestors.is_empty(), "{name}: {kind}, {ancestors:?}"),
            Some(("send", _)) => ensure!(kind == PRODUCER, "{name} is of kind {kind}"),
            Some(("process", event)) => {
                let parent = traced.parent(spans)?;
                ensure!(
                    kind == CONSUMER && parent.span.name == format!("send {event}"),
                    "{name}: {kind}, {ancestors:?}"
                );
                ensure!(traced.span.links.is_empty(), "{name} has a link besides its parent");
            }
            _ => {}
        }
        ensure!(
            kind == SERVER || ancestors.last().is_some_and(|root| root == "POST /customers"),
            "{name}: {ancestors:?}"
        );
    }
    let onboarded = spans.iter().find(|traced| traced.span.name == "send customer_onboarded").context("no end")?;
    ensure!(onboarded.ancestors(spans)?.len() >= 4, "the whole dance lies before its end");
    Ok(())
}

/// OpenTelemetry's semantic conventions for messaging.
fn ensure_attributed(spans: &[Traced], correlation_id: Uuid) -> anyhow::Result<()> {
    let messaging = |traced: &&Traced| [PRODUCER, CONSUMER].contains(&traced.span.kind);
    for traced in spans.iter().filter(messaging) {
        let (operation, event) = traced.span.name.split_once(' ').context("no operation")?;
        for (attribute, expected) in [
            ("messaging.system", "rabbitmq"),
            ("messaging.operation.name", operation),
            ("messaging.operation.type", operation),
            ("messaging.destination.name", event),
            ("messaging.message.conversation_id", &correlation_id.to_string()),
        ] {
            let actual = traced.attribute(attribute);
            ensure!(actual == expected, "{}: {attribute} is {actual:?}", traced.span.name);
        }
        ensure!(
            traced.attribute("messaging.message.id").parse::<Uuid>().is_ok(),
            "{}: no message id",
            traced.span.name
        );
    }
    let processing = spans.iter().filter(|traced| traced.span.name == "process customer_created");
    let mut subscribers: Vec<_> = processing.map(|traced| traced.service.as_str()).collect();
    subscribers.sort_unstable();
    ensure!(subscribers == ["email", "loyalty"], "{subscribers:?}");
    Ok(())
}

fn ensure_traced(hops: &[Hop], trace_id: &str, customer_id: Uuid) -> anyhow::Result<()> {
    for hop in hops {
        ensure!(hop.trace_id.as_deref() == Some(trace_id), "in another trace: {hop:?}");
        ensure!(hop.span_id.as_ref().is_some_and(|id| id.len() == 16), "no span: {hop:?}");
        ensure!(hop.subject == customer_id, "of another customer: {hop:?}");
        let is_first = hop.event_type == "customer_created";
        ensure!(hop.causation_id.is_none() == is_first, "what caused it? {hop:?}");
    }
    Ok(())
}

/// `<correlation id>.<what the step made>`: the event, the mail, or else the inbox row's own id.
async fn ensure_transactions(fleet: &Fleet, hops: &[Hop], customer_id: Uuid) -> anyhow::Result<()> {
    let recorded = hops.iter().filter(|hop| hop.message == "event recorded");
    let caused_by: HashMap<_, _> =
        recorded.map(|hop| ((hop.service.as_str(), hop.causation_id), hop.event_id)).collect();
    let mail: Uuid = fleet.api.emails(customer_id).await?[0]["id"].as_str().context("no mail")?.parse()?;
    for hop in hops.iter().filter(|hop| hop.message != "event already handled") {
        let made = match (hop.message.as_str(), hop.service.as_str()) {
            ("event handled", "email") => mail,
            ("event handled", service) => match caused_by.get(&(service, Some(hop.event_id))) {
                Some(follow_up) => *follow_up,
                None => inbox_row(fleet, service, hop.event_id).await?,
            },
            _ => hop.event_id,
        };
        let expected = format!("{}.{made}", hop.correlation_id);
        ensure!(hop.transaction_id == expected, "{expected} was expected: {hop:?}");
    }
    Ok(())
}

async fn inbox_row(fleet: &Fleet, service: &str, event_id: Uuid) -> anyhow::Result<Uuid> {
    let id = fleet.database.value(&format!("SELECT id FROM {service}.inbox WHERE event_id = '{event_id}'")).await?;
    Ok(id.as_str().context("no inbox row")?.parse()?)
}
