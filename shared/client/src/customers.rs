//! The registration of customers: `POST /customers`.

use std::time::Duration;

use anyhow::Context;
use reqwest::{Response, Url, header::HeaderMap};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::http;

/// Longer than the service gives a request.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// Who registers.
#[derive(Clone, Debug, Serialize)]
pub struct NewCustomer {
    pub email: String,
    pub name: String,
}

/// What the service answered.
#[derive(Clone, Debug, Serialize)]
pub struct Registered {
    pub customer_id: Uuid,
    pub event_id: Uuid,
    pub correlation_id: Uuid,
    pub trace_id: String,
    pub email: String,
    pub status: String,
    /// Shows name and address of the customer again.
    pub access_token: String,
}

/// Registers a customer with the service at `url`.
pub async fn register(url: &str, customer: &NewCustomer) -> anyhow::Result<Registered> {
    let url: Url = format!("{url}/customers").parse().with_context(|| format!("{url} is not a valid URL"))?;
    let request = http::client()?.post(url).timeout(TIME_LIMIT).json(customer);
    registered(http::send(request).await?).await
}

async fn registered(response: Response) -> anyhow::Result<Registered> {
    #[derive(Deserialize)]
    struct Customer {
        id: Uuid,
        email: String,
        status: String,
        access_token: String,
    }
    let event_id = header(response.headers(), "x-event-id")?.parse().context("x-event-id")?;
    let trace_id = header(response.headers(), "x-trace-id")?;
    let customer: Customer = response.json().await.context("the answer is not a customer")?;
    let Customer { id: customer_id, email, status, access_token } = customer;
    // The first event of a flow gives the flow its id.
    Ok(Registered { customer_id, event_id, correlation_id: event_id, trace_id, email, status, access_token })
}

fn header(headers: &HeaderMap, name: &str) -> anyhow::Result<String> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    Ok(value.with_context(|| format!("the answer has no {name}: is this the customer service?"))?.to_owned())
}
