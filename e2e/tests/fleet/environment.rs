//! Where the fleet is.

use std::{env, io::Write};

use anyhow::{Context, ensure};
use e2e::{
    api::{Api, Urls},
    eventually::eventually,
    logs::Logs,
    mailbox::Mailbox,
};
use serde_json::Value;
use uuid::Uuid;

/// The URL in an environment variable.
fn url(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("{name} is not set: run these tests by scripts/e2e"))
}

fn urls(service: &str) -> anyhow::Result<Urls> {
    Ok(Urls { http: url(&format!("{service}_URL"))?, ops: url(&format!("{service}_OPS_URL"))? })
}

/// The fleet's APIs.
pub fn api() -> anyhow::Result<Api> {
    Api::new(urls("CUSTOMER")?, urls("EMAIL")?, urls("LOYALTY")?)
}

/// The fleet's mailbox.
pub fn mailbox() -> anyhow::Result<Mailbox> {
    Mailbox::new(&url("MAIL_URL")?)
}

/// The services' logs, if they are in files here.
pub fn logs() -> Option<Logs> {
    env::var_os("LOGS_DIR").map(Logs::new)
}

/// Jaeger's API, if there is a Jaeger.
pub fn jaeger() -> Option<String> {
    env::var("JAEGER_URL").ok()
}

/// Waits until the customer is onboarded or deactivated, and gives the customer.
pub async fn until_settled(api: &Api, id: Uuid) -> anyhow::Result<Value> {
    eventually(&format!("customer {id} is onboarded or deactivated"), || async {
        let customer = api.customer(id).await?;
        ensure!(customer["status"] != "registered", "{customer}");
        Ok(customer)
    })
    .await
}

/// Says why a test does nothing, past the test harness, which shows only the words of tests that fail.
pub fn skip(test: &str, reason: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stderr(), "skipped: {test}: {reason}")?)
}
