//! Where the fleet is.

use std::{env, io::Write};

use anyhow::{Context, ensure};
use e2e::{
    api::Api,
    docker::{self, Docker},
    eventually::eventually,
    logs::Logs,
    mailbox::Mailbox,
};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

/// The URL in an environment variable.
fn url(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("{name} is not set: run these tests by scripts/e2e"))
}

/// The fleet's APIs.
pub fn api() -> anyhow::Result<Api> {
    Api::of_settings(url)
}

/// The fleet's mailbox.
pub fn mailbox() -> anyhow::Result<Mailbox> {
    Mailbox::new(&url("MAIL_URL")?)
}

/// The services' logs, if they are in files here, or Docker has them.
pub fn logs() -> anyhow::Result<Option<Logs>> {
    if let Some(folder) = env::var_os("LOGS_DIR") {
        return Ok(Some(Logs::new(folder)));
    }
    let Some(docker) = Docker::of_environment()? else { return Ok(None) };
    docker::keep_logs(&docker, &env::temp_dir(), &e2e::services(), Timestamp::UNIX_EPOCH)?;
    Ok(Some(Logs::new(env::temp_dir())))
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

/// Says why a test does nothing, past the test harness, which shows only the words of tests that fail. With `SKIPS` the test
/// fails: where everything is there, nothing may be left out.
pub fn skip(test: &str, reason: &str) -> anyhow::Result<()> {
    ensure!(env::var_os("SKIPS").is_none(), "skipped: {test}: {reason}");
    Ok(writeln!(std::io::stderr(), "skipped: {test}: {reason}")?)
}
