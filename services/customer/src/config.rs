//! The settings of this service.

use anyhow::Context;
use clap::Args;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use tracing::warn;

use crate::access::AccessKeys;

/// What only this service can be told.
#[derive(Clone, Debug, Args)]
pub struct CustomerConfig {
    /// The keys of access tokens: `ID:KEY`, separated by commas, each key at least 32 characters. The first signs, all are
    /// accepted: to change keys, put a new one before the old one. Without any, tokens last until this process ends.
    #[arg(long, env, hide_env_values = true, value_name = "KEYS")]
    pub access_token_keys: Option<SecretString>,
    /// How many registrations a client may ask for in a minute: one address, or one /64 of IPv6.
    #[arg(long, env, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub registrations_per_client: u32,
    /// How many registrations there may be in a day that send mail to the same recipient, however the address is written.
    #[arg(long, env, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub registrations_per_recipient: u32,
    /// Clients without a limit of their own: by default those on this machine, load tests for one. A proxy that says for whom
    /// it asks in no X-Forwarded-For makes everybody such a client.
    #[arg(long, env, value_delimiter = ',', default_value = "127.0.0.0/8,::1/128")]
    pub unlimited_clients: Vec<IpNet>,
    /// Proxies whose X-Forwarded-For is believed: networks, as in `127.0.0.0/8,10.1.0.0/16`.
    #[arg(long, env, value_delimiter = ',', default_value = "127.0.0.0/8,::1/128")]
    pub trusted_proxies: Vec<IpNet>,
}

impl CustomerConfig {
    /// The keys, or one that nobody else knows.
    pub fn access_keys(&self) -> anyhow::Result<AccessKeys> {
        if let Some(keys) = &self.access_token_keys {
            return keys.expose_secret().parse().context("ACCESS_TOKEN_KEYS");
        }
        warn!("without ACCESS_TOKEN_KEYS, access tokens last until this process ends, and no other replica knows them");
        Ok(AccessKeys::random())
    }
}
