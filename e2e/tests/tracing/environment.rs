//! Where the fleet and its Jaeger are.

use std::env;

use anyhow::Context;
use e2e::api::{Api, Urls};

use super::trace::Jaeger;

fn url(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("{name} is not set: run these tests by scripts/e2e --tracing"))
}

fn urls(service: &str) -> anyhow::Result<Urls> {
    Ok(Urls { http: url(&format!("{service}_URL"))?, ops: url(&format!("{service}_OPS_URL"))? })
}

/// The fleet's APIs.
pub fn api() -> anyhow::Result<Api> {
    Api::new(urls("CUSTOMER")?, urls("EMAIL")?, urls("LOYALTY")?)
}

/// Its Jaeger.
pub fn jaeger() -> anyhow::Result<Jaeger> {
    Ok(Jaeger::new(api()?, url("JAEGER_URL")?))
}
