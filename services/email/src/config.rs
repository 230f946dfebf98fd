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
    /// So many mails rejected by the mail server (5xx) within an hour, while it accepts fewer than half as many, and all mail
    /// is kept and nobody is deactivated, until a mail is accepted that tries from time to time.
    #[arg(long, env, default_value_t = 20, value_parser = clap::value_parser!(i32).range(2..=10_000))]
    pub mail_breaker_rejections: i32,
    /// From time to time: after so many seconds.
    #[arg(long, env, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub mail_breaker_rest_seconds: u32,
}
