//! The settings of this service.

use anyhow::Context;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use tracing::warn;

use crate::access::AccessKeys;

/// What only this service can be told.
#[derive(Clone, Debug, Default, Args)]
pub struct CustomerConfig {
    /// The keys of access tokens: `ID:KEY`, separated by commas, each key at least 32 characters. The first signs, all are
    /// accepted: to change keys, put a new one before the old one. Without any, tokens last until this process ends.
    #[arg(long, env, hide_env_values = true, value_name = "KEYS")]
    pub access_token_keys: Option<SecretString>,
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
