//! The settings of this service.

use clap::Args;
use lettre::message::Mailbox;
use secrecy::SecretString;

/// What only this service can be told.
#[derive(Clone, Debug, Args)]
pub struct EmailConfig {
    /// The mail server: `smtp://[USER:PASSWORD@]HOST[:PORT]`, with ?tls=required for STARTTLS, or `smtps://…` for TLS.
    #[arg(long, env, hide_env_values = true, default_value = "smtp://127.0.0.1:1025")]
    pub smtp_url: SecretString,
    /// Who the mails are from.
    #[arg(long, env, default_value = "Pas de Trois <welcome@pasdetrois.example>")]
    pub mail_from: Mailbox,
    /// How often a mail may go out if the server, having heard all of it, does not say whether it was accepted.
    #[arg(long, env, default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=20))]
    pub mail_copies: i32,
}
