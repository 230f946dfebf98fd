//! `fleet register`: one registration over HTTP, and the ids to follow it by.

use clap::Args;
use client::{
    FleetDir,
    customers::{self, NewCustomer},
    http, output,
};
use uuid::Uuid;

/// Where the customer service listens unless somebody says otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

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

/// Posts, prints.
pub fn register(args: RegisterArgs) -> anyhow::Result<()> {
    let url = args.fleet.url(args.url.as_deref(), "CUSTOMER_URL", DEFAULT_URL)?;
    let customer = NewCustomer { email: args.email.unwrap_or_else(new_address), name: args.name };
    let registered = http::block_on(customers::register(&url, &customer))?;
    if args.json {
        output::print(&serde_json::to_string(&registered)?)?;
    } else {
        output::print(&format!("customer id  {}", registered.customer_id))?;
        output::print(&format!("event id     {}  (also the correlation id)", registered.event_id))?;
        output::print(&format!("trace id     {}", registered.trace_id))?;
        output::print(&format!("access token {}  (for the customer's name and address)", registered.access_token))?;
    }
    Ok(())
}

/// Unique: the random end of a UUIDv7.
fn new_address() -> String {
    let id = Uuid::now_v7().simple().to_string();
    format!("ada.lovelace.{}@example.com", &id[20..])
}
