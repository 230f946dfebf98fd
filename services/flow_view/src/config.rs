//! The settings that only this service has: where the others are, and where people look further.

use clap::Args;
use url::Url;

/// Where the others are, and how long flows are kept.
#[derive(Clone, Debug, Args)]
pub struct FlowViewConfig {
    /// The customer service: where registrations of the page go.
    #[arg(long, env, default_value = "http://127.0.0.1:8080")]
    pub customer_url: Url,
    /// The operations port of customer.
    #[arg(long, env, default_value = "http://127.0.0.1:9080")]
    pub customer_ops_url: Url,
    /// The operations port of email.
    #[arg(long, env, default_value = "http://127.0.0.1:9081")]
    pub email_ops_url: Url,
    /// The operations port of loyalty.
    #[arg(long, env, default_value = "http://127.0.0.1:9082")]
    pub loyalty_ops_url: Url,
    /// The mailbox, as a browser reaches it: the page links there.
    #[arg(long, env)]
    pub mail_url: Option<Url>,
    /// Jaeger, as a browser reaches it: the page links there.
    #[arg(long, env)]
    pub jaeger_url: Option<Url>,
    /// For how many days a flow that has ended is kept.
    #[arg(long, env, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub flow_days: u32,
}

impl FlowViewConfig {
    /// The operations port of a service that takes part.
    pub fn ops_url(&self, service: &str) -> Option<&Url> {
        match service {
            "customer" => Some(&self.customer_ops_url),
            "email" => Some(&self.email_ops_url),
            "loyalty" => Some(&self.loyalty_ops_url),
            _ => None,
        }
    }
}
