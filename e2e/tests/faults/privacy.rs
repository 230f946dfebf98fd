//! Names and addresses stay where they belong, whatever somebody wants to see in the logs.

use anyhow::{Context, ensure};
use e2e::{api::send, eventually::eventually};
use lapin::BasicProperties;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{harness::Fleet, otlp::Backend, poison::envelope};

/// What is looked for: it is in every name, and in every address.
const MARK: &str = "Unmistakable";
/// Everything that we and our libraries can be asked to tell.
const ALL: &str = "trace,lapin=trace,lapin::channel=trace,lapin::returned_messages=warn,sqlx=debug,sqlx::query=trace,hyper=trace,hyper_util=trace,h2=trace,\
                   lettre=trace,async_smtp=trace,tower_http=trace,axum=trace,reqwest=trace,rustls=trace,\
                   opentelemetry_sdk=trace,amqp_protocol=trace,pas_de_trois=trace";
const SERVICES: [&str; 4] = ["customer", "email", "loyalty", "flow_view"];

/// Good, refused by us, refused by the mail server, undecodable in two ways, and dead.
#[tokio::test]
async fn names_and_addresses_are_in_no_log_answer_span_metric_or_header_and_not_with_the_flow_view()
-> anyhow::Result<()> {
    let (backend, url) = Backend::listen().await?;
    let mut fleet = Fleet::prepare(false).await?;
    for service in ["customer", "email", "loyalty"] {
        tell_all(fleet.service(service), &url);
    }
    tell_all(&mut fleet.flow_view, &url);
    fleet.flow_view.start()?;
    fleet.start_services().await?;
    fleet.until_caught_up().await?;
    let mut answers = register(&fleet).await?;
    poison(&fleet).await?;
    answers.extend(ask(&fleet).await?);
    headers(&fleet).await?;
    returned(&fleet).await?;
    for answer in answers {
        unmarked("an answer", &answer)?;
    }
    spans_arrive(&backend).await?;
    for span in backend.all() {
        unmarked("a span", &format!("{span:?}"))?;
    }
    for service in SERVICES {
        let text = fleet.logs.text(service)?;
        ensure!(text.contains(r#""level":"DEBUG""#), "{service} tells nothing more than usual");
        unmarked(&format!("the log of {service}"), &text)?;
    }
    let flow_view = fleet.database.value(
        "SELECT jsonb_agg(to_jsonb(rows)) FROM (SELECT to_jsonb(flows) AS row FROM flow_view.flows
         UNION ALL SELECT to_jsonb(events) FROM flow_view.events
         UNION ALL SELECT to_jsonb(inbox) FROM flow_view.inbox
         UNION ALL SELECT to_jsonb(delivery_statuses) FROM flow_view.delivery_statuses) AS rows",
    );
    let flow_view = flow_view.await?.to_string();
    ensure!(flow_view.contains("customer_created"), "the flow view has seen nothing: {flow_view}");
    unmarked("the flow view's schema", &flow_view)
}

fn tell_all(process: &mut super::process::Process, tracing: &str) {
    process.set("RUST_LOG", ALL);
    process.set("OTEL_EXPORTER_OTLP_ENDPOINT", tracing);
    process.set("OTEL_BSP_SCHEDULE_DELAY", "100");
}

fn unmarked(what: &str, text: &str) -> anyhow::Result<()> {
    // As text, or as a library may print bytes.
    let bytes = format!("{:?}", MARK.as_bytes());
    let [words, bytes] = [MARK.to_lowercase(), bytes.trim_matches(['[', ']']).to_owned()];
    let text = text.to_lowercase();
    let Some(at) = text.find(&words).or_else(|| text.find(&bytes)) else { return Ok(()) };
    let around = text.char_indices().filter(|(index, _)| (at.saturating_sub(300)..at + 100).contains(index));
    anyhow::bail!("{what} holds a name or an address: …{}…", around.map(|(_, letter)| letter).collect::<String>())
}

fn marked(domain: &str) -> String {
    format!("{MARK}.{}@{domain}", &Uuid::now_v7().simple().to_string()[20..])
}

/// What is answered to bad registrations; the good ones come to their ends.
async fn register(fleet: &Fleet) -> anyhow::Result<Vec<String>> {
    let name = format!("{MARK} Lovelace");
    let mut ended = Vec::new();
    for (domain, status) in [("example.com", "onboarded"), ("refused.test", "deactivated")] {
        let email = marked(domain);
        ended.push(email.clone());
        let registered = send(fleet.api.registering(&email, &name)).await?.registration(&email)?;
        fleet.api.until_status(registered.customer_id, status).await?;
    }
    let bad = [
        json!({ "email": ended[0], "name": name }),
        json!({ "email": format!("{MARK} at example.com"), "name": name }),
        json!({ "email": marked("example.com"), "name": format!("{MARK}\u{202e}") }),
        json!({ "email": { MARK: MARK }, "name": [MARK] }),
    ];
    let mut answers = Vec::new();
    for body in bad {
        answers.push(send(fleet.api.request(Method::POST, "/customers").json(&body)).await?.text);
    }
    let torn = format!(r#"{{"email": "{}", "name": "{MARK}" "#, marked("example.com"));
    let torn = fleet.api.request(Method::POST, "/customers").header("content-type", "application/json").body(torn);
    answers.push(send(torn).await?.text);
    // A mail server that does not want it yet: the attempt is logged, and repeated.
    let busy = marked("busy.test");
    send(fleet.api.registering(&busy, &name)).await?.registration(&busy)?;
    Ok(answers)
}

/// Events that can't be read: no text, no event, no event of this type. All end dead.
async fn poison(fleet: &Fleet) -> anyhow::Result<()> {
    let (broker, stranger) = (fleet.broker().await?, Uuid::now_v7());
    let incomplete = json!({ "customer_id": stranger, "email": marked("example.com"), "name": MARK });
    for body in [
        format!("{MARK}, neither JSON nor an event").into_bytes(),
        envelope(
            "customer_created",
            stranger,
            &json!({ "customer_id": 7, "email": marked("example.com"), "name": [MARK] }),
        ),
        envelope("customer_created", Uuid::now_v7(), &incomplete),
    ] {
        broker.publish("customer_created", &body, BasicProperties::default()).await?;
    }
    for service in ["email", "loyalty"] {
        eventually("the poison is parked", || async {
            let parked = fleet.database.parked(service).await?;
            ensure!(parked.len() == 3 && parked.iter().all(|one| one["state"] == "dead"), "{parked:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// The broker gives a message back that is bound nowhere: the client library then has the whole of it in its hands.
async fn returned(fleet: &Fleet) -> anyhow::Result<()> {
    let broker = fleet.broker().await?;
    for queue in ["customer.history", "email", "loyalty", "flow_view"] {
        broker.unbind(queue, "customer_created").await?;
    }
    send(fleet.api.registering(&marked("example.com"), MARK)).await?;
    eventually("the broker has returned the event", || async {
        let returned = fleet.api.metric("customer", "outbox_returned_total").await?.unwrap_or_default();
        ensure!(returned > 0.0, "not yet");
        Ok(())
    })
    .await
}

/// What anybody may ask.
async fn ask(fleet: &Fleet) -> anyhow::Result<Vec<String>> {
    let mut answers = Vec::new();
    let customers = fleet.database.value("SELECT jsonb_agg(id) FROM customer.customers").await?;
    for id in customers.as_array().into_iter().flatten().filter_map(Value::as_str) {
        answers.push(fleet.api.get(&format!("{}/customers/{id}", fleet.api.urls("customer").http)).await?.text);
        answers.push(fleet.api.get(&format!("{}/emails?customer_id={id}", fleet.api.urls("email").http)).await?.text);
        answers.push(fleet.api.get(&format!("{}/accounts/{id}", fleet.api.urls("loyalty").http)).await?.text);
    }
    ensure!(!answers.is_empty(), "nobody is registered");
    for (_, ops) in fleet.operations_urls() {
        for path in ["/metrics", "/health/ready", "/topology", "/admin/parked"] {
            answers.push(fleet.api.get(&format!("{ops}{path}")).await?.text);
        }
    }
    Ok(answers)
}

async fn spans_arrive(backend: &Backend) -> anyhow::Result<()> {
    eventually("every service's spans arrive", || async {
        let spans = backend.all();
        for service in SERVICES {
            ensure!(spans.iter().any(|traced| traced.service == service), "none of {service}");
        }
        Ok(())
    })
    .await
}

/// Headers and properties are what brokers' tools show and log.
async fn headers(fleet: &Fleet) -> anyhow::Result<()> {
    let broker = fleet.broker().await?;
    for owner in e2e::services() {
        let history = broker.history(owner, &fleet.database.published(owner).await?).await?;
        for event in &history {
            unmarked("a property of a message", &format!("{:?}", event.properties))?;
        }
        let first = history.first().context("an empty history")?;
        ensure!(first.properties.headers().is_some(), "{owner} sets no headers");
    }
    Ok(())
}
