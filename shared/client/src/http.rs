//! Asking services over HTTP, and understanding why one does not answer.

use anyhow::anyhow;
use reqwest::{Client, RequestBuilder, Response};

use crate::api_error;

/// A client for local URLs: a proxy that the environment names is not for them.
pub fn client() -> anyhow::Result<Client> {
    Ok(Client::builder().no_proxy().build()?)
}

/// Runs `work` on a runtime of its own.
pub fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// The answer, if it is a good one; an [`ApiError`](crate::ApiError) if the service says no.
pub async fn send(request: RequestBuilder) -> anyhow::Result<Response> {
    let response = request.send().await.map_err(|error| unanswered(&error))?;
    if response.status().is_success() { Ok(response) } else { Err(api_error::read(response).await.into()) }
}

fn unanswered(error: &reqwest::Error) -> anyhow::Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let url = error.url().map_or("the service", |url| url.as_str());
    match error {
        error if error.is_connect() => anyhow!("can't reach {url} ({cause}). Is the fleet up? scripts/up starts it"),
        error if error.is_timeout() => anyhow!("no answer from {url} in time"),
        _ => anyhow!("the request to {url} failed: {cause}"),
    }
}
