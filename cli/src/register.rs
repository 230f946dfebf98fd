//! `fleet register`: one registration over HTTP, and the ids to follow it by.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use reqwest::{Response, Url, header::HeaderMap};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{fleet_dir::FleetDir, http};

/// Where the customer service listens unless somebody says otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// Longer than the service gives a request.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// Register a customer and print the ids to follow the registration by.
///
/// An address ending in @refused.test is refused by the fleet's mail server: the registration is then undone.
#[derive(Clone, Debug, Args)]
pub struct RegisterArgs {
    /// The customer's address; a new one at example.com if not given.
    #[arg(long)]
    email: Option<String>,
    /// The customer's name.
    #[arg(long, default_value = "Ada Lovelace")]
    name: String,
    /// The customer service; if not given, that of the running fleet, or <http://127.0.0.1:8080>.
    #[arg(long, env = "CUSTOMER_URL")]
    url: Option<String>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    fleet: FleetDir,
}

#[derive(Serialize)]
struct NewCustomer {
    email: String,
    name: String,
}

/// What the service answered.
#[derive(Debug, Serialize)]
struct Registered {
    customer_id: Uuid,
    event_id: Uuid,
    correlation_id: Uuid,
    trace_id: String,
    email: String,
    status: String,
}

/// Posts, prints.
pub fn register(args: RegisterArgs) -> anyhow::Result<()> {
    let url = customers_url(&args)?;
    let customer = NewCustomer { email: args.email.unwrap_or_else(new_address), name: args.name };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let registered = runtime.block_on(post(&url, &customer))?;
    if args.json {
        println!("{}", serde_json::to_string(&registered)?);
    } else {
        println!("customer id  {}", registered.customer_id);
        println!("event id     {}  (also the correlation id)", registered.event_id);
        println!("trace id     {}", registered.trace_id);
    }
    Ok(())
}

fn customers_url(args: &RegisterArgs) -> anyhow::Result<Url> {
    let base = args.fleet.url(args.url.as_deref(), "CUSTOMER_URL", DEFAULT_URL)?;
    format!("{base}/customers").parse().with_context(|| format!("{base} is no URL"))
}

/// Unique: the random end of a UUIDv7.
fn new_address() -> String {
    let id = Uuid::now_v7().simple().to_string();
    format!("ada.lovelace.{}@example.com", &id[20..])
}

async fn post(url: &Url, customer: &NewCustomer) -> anyhow::Result<Registered> {
    let request = http::client()?.post(url.clone()).timeout(TIME_LIMIT).json(customer);
    registered(http::send(request).await?).await
}

async fn registered(response: Response) -> anyhow::Result<Registered> {
    #[derive(Deserialize)]
    struct Customer {
        id: Uuid,
        email: String,
        status: String,
    }
    let event_id = header(response.headers(), "x-event-id")?.parse().context("x-event-id")?;
    let trace_id = header(response.headers(), "x-trace-id")?;
    let customer: Customer = response.json().await.context("the answer is no customer")?;
    let Customer { id: customer_id, email, status } = customer;
    // The first event of a flow gives the flow its id.
    Ok(Registered { customer_id, event_id, correlation_id: event_id, trace_id, email, status })
}

fn header(headers: &HeaderMap, name: &str) -> anyhow::Result<String> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    Ok(value.with_context(|| format!("the answer has no {name}: is this the customer service?"))?.to_owned())
}
