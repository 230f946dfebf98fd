//! Mail over SMTP, on a connection that is kept for the next mail.
//!
//! On lettre's connection, not its transport: the transport reports a reply without the command that it answers, and a
//! bare 550 is a verdict on the address only as an answer to RCPT.

use std::time::Duration;

use anyhow::{Context, bail};
use lettre::{
    Message,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::verdict::{DeliveryResult, Phase, read};

/// How long a mail may take, all in all; below the 10 s of a shutdown.
const TIME_LIMIT: Duration = Duration::from_secs(8);
/// How long the server may take for one answer.
const ANSWER: Duration = Duration::from_secs(5);

/// One connection to an SMTP server. Copies have connections of their own.
pub struct Smtp {
    server: Server,
    connection: Option<AsyncSmtpConnection>,
}

#[derive(Clone)]
struct Server {
    host: String,
    port: u16,
    tls: Tls,
    login: Option<Credentials>,
}

#[derive(Clone)]
enum Tls {
    None,
    /// STARTTLS, or no mail.
    Required(TlsParameters),
    /// From the first byte.
    Implicit(TlsParameters),
}

impl Clone for Smtp {
    fn clone(&self) -> Self {
        Self { server: self.server.clone(), connection: None }
    }
}

/// A negative answer, and to what.
struct Answer {
    phase: Phase,
    error: Error,
}

impl Smtp {
    /// The server at `url`; connects when there is a mail. Fails if the URL is none.
    pub fn new(url: &SecretString) -> anyhow::Result<Self> {
        // Not the parser's own error: it may quote the password.
        let url: Url = url.expose_secret().parse().ok().context("SMTP_URL is not a valid URL")?;
        let host = url.host_str().context("SMTP_URL has no host")?.to_owned();
        let tls_required = url.query_pairs().any(|(name, value)| name == "tls" && value == "required");
        let (tls, default_port) = match url.scheme() {
            "smtps" => (Tls::Implicit(TlsParameters::new(host.clone())?), 465),
            "smtp" if tls_required => (Tls::Required(TlsParameters::new(host.clone())?), 587),
            "smtp" => (Tls::None, 25),
            _ => bail!("SMTP_URL must begin with smtp:// or smtps://"),
        };
        let port = url.port().unwrap_or(default_port);
        Ok(Self { server: Server { host, port, tls, login: login(&url)? }, connection: None })
    }

    /// Delivers `mail`.
    pub async fn deliver(&mut self, mail: &Message) -> DeliveryResult {
        // Taken, not borrowed: whatever goes wrong, the connection is not used again.
        let kept = self.connection.take();
        match tokio::time::timeout(TIME_LIMIT, deliver(&self.server, kept, mail)).await {
            Ok(Ok(connection)) => {
                self.connection = Some(connection);
                DeliveryResult::Accepted
            }
            Ok(Err(Answer { phase, error })) => read(phase, error.status().map(u16::from), &text(&error)),
            Err(_) => DeliveryResult::Later("no answer in time".into()),
        }
    }
}

fn login(url: &Url) -> anyhow::Result<Option<Credentials>> {
    let Some(password) = url.password() else { return Ok(None) };
    let plain = |text: &str| -> anyhow::Result<String> {
        let pair = format!("v={}", text.replace('+', "%2B"));
        let decoded = url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned());
        decoded.context("SMTP_URL's user or password can't be decoded")
    };
    Ok(Some(Credentials::new(plain(url.username())?, plain(password)?)))
}

/// The server's words, without lettre's.
fn text(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

async fn deliver(
    server: &Server,
    kept: Option<AsyncSmtpConnection>,
    mail: &Message,
) -> Result<AsyncSmtpConnection, Answer> {
    let mut connection = connection(server, kept).await.map_err(|error| Answer { phase: Phase::Session, error })?;
    let envelope = mail.envelope();
    let sender = Mail::new(envelope.from().cloned(), Vec::new());
    connection.command(sender).await.map_err(|error| Answer { phase: Phase::Sender, error })?;
    for to in envelope.to() {
        let recipient = Rcpt::new(to.clone(), Vec::new());
        connection.command(recipient).await.map_err(|error| Answer { phase: Phase::Recipient, error })?;
    }
    let content = async {
        connection.command(Data).await?;
        connection.message(&mail.formatted()).await
    };
    content.await.map_err(|error| Answer { phase: Phase::Content, error })?;
    Ok(connection)
}

/// The kept connection if the server still listens on it, or a new one.
async fn connection(server: &Server, kept: Option<AsyncSmtpConnection>) -> Result<AsyncSmtpConnection, Error> {
    if let Some(mut connection) = kept
        && connection.test_connected().await
    {
        return Ok(connection);
    }
    let hello = ClientId::default();
    let implicit = if let Tls::Implicit(parameters) = &server.tls { Some(parameters.clone()) } else { None };
    let address = (server.host.as_str(), server.port);
    let mut connection = AsyncSmtpConnection::connect_tokio1(address, Some(ANSWER), &hello, implicit, None).await?;
    if let Tls::Required(parameters) = &server.tls {
        connection.starttls(parameters.clone(), &hello).await?;
    }
    if let Some(login) = &server.login {
        connection.auth(&[Mechanism::Plain, Mechanism::Login], login).await?;
    }
    Ok(connection)
}
