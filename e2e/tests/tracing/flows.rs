//! One trace through all services, and every trace of many.

use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::{
    api::address,
    eventually::{eventually, within},
    load::Load,
};

use super::{
    environment::{api, jaeger},
    trace::Trace,
};

/// How many flows, by how many clients.
const FLOWS: (usize, usize) = (2000, 16);

/// What a registration leaves in Jaeger.
const SHAPE: [&str; 14] = [
    "customer: POST /customers",
    "customer: process status_points_added",
    "customer: process welcome_email_sent",
    "customer: send customer_created",
    "customer: send customer_onboarded",
    "email: deliver mail",
    "email: process customer_created",
    "email: send welcome_email_sent",
    "flow_view: process customer_created",
    "flow_view: process customer_onboarded",
    "flow_view: process status_points_added",
    "flow_view: process welcome_email_sent",
    "loyalty: process customer_created",
    "loyalty: send status_points_added",
];

async fn whole_trace(id: &str) -> anyhow::Result<Trace> {
    let jaeger = jaeger()?;
    eventually("the trace is whole", || async {
        let trace = jaeger.trace(id).await?;
        let mut shape = trace.shape();
        // What a router has from its queue and from a history at once it handles once and looks at twice.
        shape.dedup();
        ensure!(shape == SHAPE, "{shape:?}");
        Ok(trace)
    })
    .await
}

#[tokio::test]
async fn a_registration_is_one_trace_without_a_gap_or_a_warning() -> anyhow::Result<()> {
    let api = api()?;
    let registration = api.register(&address("example.com")).await?;
    api.until_status(registration.customer_id, "onboarded").await?;
    whole_trace(&registration.trace_id).await?.ensure_sound()
}

#[tokio::test]
async fn of_two_thousand_flows_no_span_is_lost() -> anyhow::Result<()> {
    let api = api()?;
    let registrations = Load::burst(&api, FLOWS.1, FLOWS.0).finish().await?;
    for registration in &registrations {
        within(Duration::from_mins(5), "the flow is done", || async {
            let customer = api.customer(registration.customer_id).await?;
            ensure!(customer["status"] == "onboarded", "{customer}");
            Ok(())
        })
        .await?;
    }
    for registration in &registrations {
        let trace = whole_trace(&registration.trace_id).await?;
        trace.ensure_sound().with_context(|| format!("trace {}", registration.trace_id))?;
    }
    Ok(())
}
