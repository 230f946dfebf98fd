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
use tokio::time::timeout;
use url::{Host, Url};

use super::verdict::{DeliveryResult, Phase, read};

/// How long a server may take to be reached.
const CONNECT: Duration = Duration::from_secs(30);
/// How long it may take for a greeting or for the answer to a command, to DATA, and to the mail: its content and the final
/// dot together (RFC 5321, section 4.5.3.2). A server that scans what it takes needs minutes, and says yes all the same.
const ANSWER: Duration = Duration::from_mins(5);
const DATA: Duration = Duration::from_mins(2);
const CONTENT: Duration = Duration::from_mins(13);
/// How long a kept connection may take to show that it still works.
const STILL_THERE: Duration = Duration::from_secs(5);

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

/// A negative answer or none, and to what.
struct Answer {
    phase: Phase,
    code: Option<u16>,
    text: String,
}

impl Smtp {
    /// The server at `url`; connects when there is a mail. Fails if the URL is none.
    pub fn new(url: &SecretString) -> anyhow::Result<Self> {
        // Not the parser's own error: it may quote the password.
        let url: Url = url.expose_secret().parse().ok().context("SMTP_URL is not a valid URL")?;
        let host = match url.host().context("SMTP_URL has no host")? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let tls_required = tls_required(&url)?;
        let (tls, default_port) = match url.scheme() {
            "smtps" => (Tls::Implicit(TlsParameters::new(host.clone())?), 465),
            "smtp" if tls_required => (Tls::Required(TlsParameters::new(host.clone())?), 587),
            "smtp" => (Tls::None, 25),
            _ => bail!("SMTP_URL must begin with smtp:// or smtps://"),
        };
        let login = login(&url)?;
        if login.is_some() && matches!(tls, Tls::None) && !is_local(&url) {
            bail!("SMTP_URL has a password and no TLS: it would be sent in clear. Add ?tls=required, or use smtps://");
        }
        let port = url.port().unwrap_or(default_port);
        Ok(Self { server: Server { host, port, tls, login }, connection: None })
    }

    /// Delivers `mail`.
    pub async fn deliver(&mut self, mail: &Message) -> DeliveryResult {
        // Taken, not borrowed: whatever goes wrong, the connection is not used again.
        let kept = self.connection.take();
        match deliver(&self.server, kept, mail).await {
            Ok(connection) => {
                self.connection = Some(connection);
                DeliveryResult::Accepted
            }
            Err(Answer { phase, code, text }) => read(phase, code, &text),
        }
    }
}

/// Whether `?tls=required` is there. Nothing else may be: a word that nobody understands must not mean "no TLS".
fn tls_required(url: &Url) -> anyhow::Result<bool> {
    let mut required = false;
    for (name, value) in url.query_pairs() {
        match (&*name, &*value) {
            ("tls", "required") => required = true,
            ("tls", _) => bail!("SMTP_URL: tls can only be `required` (for TLS from the first byte, use smtps://)"),
            _ => bail!("SMTP_URL: the only option is tls=required"),
        }
    }
    Ok(required)
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
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

/// `work`, whose answer is due within `limit`.
async fn said<T>(phase: Phase, limit: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Answer> {
    match timeout(limit, work).await {
        Ok(result) => result.map_err(|error| {
            let code = error.status().map(u16::from);
            Answer { phase, code, text: text(&error) }
        }),
        Err(_) => Err(Answer { phase, code: None, text: format!("no answer within {limit:?}") }),
    }
}

async fn deliver(
    server: &Server,
    kept: Option<AsyncSmtpConnection>,
    mail: &Message,
) -> Result<AsyncSmtpConnection, Answer> {
    let mut connection = connection(server, kept).await?;
    let envelope = mail.envelope();
    let sender = Mail::new(envelope.from().cloned(), Vec::new());
    said(Phase::Sender, ANSWER, connection.command(sender)).await?;
    for to in envelope.to() {
        let recipient = Rcpt::new(to.clone(), Vec::new());
        said(Phase::Recipient, ANSWER, connection.command(recipient)).await?;
    }
    said(Phase::Data, DATA, connection.command(Data)).await?;
    said(Phase::Content, CONTENT, connection.message(&mail.formatted())).await?;
    Ok(connection)
}

/// The kept connection if the server still listens on it, or a new one.
async fn connection(server: &Server, kept: Option<AsyncSmtpConnection>) -> Result<AsyncSmtpConnection, Answer> {
    if let Some(mut connection) = kept
        && timeout(STILL_THERE, connection.test_connected()).await == Ok(true)
    {
        return Ok(connection);
    }
    let hello = ClientId::default();
    let implicit = if let Tls::Implicit(parameters) = &server.tls { Some(parameters.clone()) } else { None };
    let address = (server.host.as_str(), server.port);
    let connecting = AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT), &hello, implicit, None);
    let mut connection = said(Phase::Session, CONNECT + 2 * ANSWER, connecting).await?;
    if let Tls::Required(parameters) = &server.tls {
        said(Phase::Session, ANSWER, connection.starttls(parameters.clone(), &hello)).await?;
    }
    if let Some(login) = &server.login {
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        said(Phase::Session, ANSWER, connection.auth(&mechanisms, login)).await?;
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_nobody_understands_ends_the_start_and_a_password_is_never_sent_in_clear() {
        for (url, problem) in [
            ("smtp://127.0.0.1:1025", None),
            ("smtp://[::1]:1025", None),
            ("smtp://ada:secret@localhost", None),
            ("smtp://ada:secret@[::1]:25", None),
            ("smtp://ada:secret@mail.example.com?tls=required", None),
            ("smtps://ada:secret@mail.example.com", None),
            ("smtp://ada:secret@mail.example.com", Some("in clear")),
            ("smtp://mail.example.com?tls=starttls", Some("tls can only be")),
            ("smtp://mail.example.com?tls=", Some("tls can only be")),
            ("smtp://mail.example.com?TLS=required", Some("only option")),
            ("smtp://mail.example.com?tls=required&timeout=5", Some("only option")),
            ("http://mail.example.com", Some("must begin with")),
            ("mail.example.com", Some("not a valid URL")),
        ] {
            let said = Smtp::new(&url.into()).err().map(|error| error.to_string());
            assert_eq!(said.is_some(), problem.is_some(), "{url}: {said:?}");
            assert!(said.as_deref().unwrap_or_default().contains(problem.unwrap_or_default()), "{url}: {said:?}");
            assert!(!said.unwrap_or_default().contains("secret"), "{url}");
        }
        assert_eq!(Smtp::new(&"smtp://[::1]:1025".into()).unwrap_or_else(|error| panic!("{error}")).server.host, "::1");
    }
}
