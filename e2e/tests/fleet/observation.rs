//! A flow as operators see it: in Jaeger and in the logs.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, ensure};
use e2e::{
    api::{address, send},
    eventually::eventually,
    logs::ONBOARDED,
    services,
};
use serde_json::Value;

use super::environment::{api, jaeger, logs, skip, until_settled};

#[tokio::test]
async fn jaeger_shows_one_trace_through_all_services() -> anyhow::Result<()> {
    let Some(jaeger) = jaeger() else { return skip("one trace in Jaeger", "JAEGER_URL is not set") };
    let api = api()?;
    let registration = api.register(&address("example.com")).await?;
    api.until_status(registration.customer_id, "onboarded").await?;
    let trace = eventually("the trace is complete", || async {
        let answer = api.get(&format!("{jaeger}/api/traces/{}", registration.trace_id)).await?;
        let trace = answer.json().pointer("/data/0").cloned().unwrap_or_default();
        ensure!(spans(&trace).any(|span| span["operationName"] == "send customer_onboarded"), "not yet: {trace}");
        let seen: BTreeSet<_> = spans(&trace).filter_map(|span| service(&trace, span)).collect();
        // Those that take part; whoever watches may be there too.
        ensure!(services().into_iter().all(|service| seen.contains(service)), "not all services yet: {trace}");
        Ok(trace)
    })
    .await?;
    let by_id: HashMap<_, _> = spans(&trace).map(|span| (&span["spanID"], span)).collect();
    for span in spans(&trace).filter(|span| name(span).starts_with("process ")) {
        let parents = span["references"].as_array().into_iter().flatten().filter(|to| to["refType"] == "CHILD_OF");
        let parents: Vec<_> = parents.filter_map(|to| by_id.get(&to["spanID"])).map(|parent| name(parent)).collect();
        ensure!(parents == [name(span).replace("process", "send")], "{}: {parents:?}", name(span));
    }
    Ok(())
}

fn spans(trace: &Value) -> impl Iterator<Item = &Value> {
    trace["spans"].as_array().into_iter().flatten()
}

fn name(span: &Value) -> &str {
    span["operationName"].as_str().unwrap_or_default()
}

fn service<'a>(trace: &'a Value, span: &Value) -> Option<&'a str> {
    trace["processes"][span["processID"].as_str()?]["serviceName"].as_str()
}

#[tokio::test]
async fn the_logs_tell_a_whole_flow_and_nobody_s_name_or_address() -> anyhow::Result<()> {
    let Some(logs) = logs()? else { return skip("the logs of a flow", "neither LOGS_DIR nor DOCKER_SOCKET is set") };
    let (api, email) = (api()?, address("example.com"));
    let name = format!("Ada {}", email.split('@').next().context("a local part")?.to_uppercase());
    let registration = send(api.registering(&email, &name)).await?.registration(&email)?;
    for hop in logs.until_flow(registration.event_id, &ONBOARDED).await? {
        ensure!(hop.trace_id.as_deref() == Some(&registration.trace_id), "{hop:?}");
        ensure!(hop.subject == registration.customer_id, "{hop:?}");
        let flow = format!("{}.", registration.event_id);
        ensure!(
            hop.transaction_id.strip_prefix(&flow).is_some_and(|local| local.parse::<uuid::Uuid>().is_ok()),
            "{hop:?}"
        );
    }

    // Refusals and failures are where personal data slips out.
    send(api.registering(&email, &name)).await?.expect_problem(409)?;
    let refused = address("refused.test");
    let registration = send(api.registering(&refused, &name)).await?.registration(&refused)?;
    until_settled(&api, registration.customer_id).await?;
    for service in e2e::services() {
        let text = logs.text(service)?.to_lowercase();
        for personal in [&email, &refused, &name] {
            ensure!(!text.contains(&personal.to_lowercase()), "{service} logs {personal}");
        }
    }
    Ok(())
}
