//! Where the fleet and its Jaeger are.

use std::env;

use anyhow::Context;
use e2e::api::Api;

use super::trace::Jaeger;

fn url(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("{name} is not set: run these tests by scripts/e2e --tracing"))
}

/// The fleet's APIs.
pub fn api() -> anyhow::Result<Api> {
    Api::of_settings(url)
}

/// Its Jaeger.
pub fn jaeger() -> anyhow::Result<Jaeger> {
    Ok(Jaeger::new(api()?, url("JAEGER_URL")?))
}
