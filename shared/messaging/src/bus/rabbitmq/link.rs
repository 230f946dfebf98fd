//! A connection that is made when it is needed, and again when it is gone.

use std::{collections::HashSet, time::Duration};

use lapin::{Channel, Connection, ConnectionProperties, uri::AMQPUri};
use secrecy::{ExposeSecret, SecretString};

use super::super::BusError;

/// How long a broker may take to answer anything but a publish.
const ANSWER: Duration = Duration::from_secs(3);
/// Seconds between heartbeats: a broker that froze is noticed within twice this.
const HEARTBEAT: u16 = 10;

/// One connection to the broker, and its name there.
pub(super) struct Link {
    url: SecretString,
    name: String,
    connection: Option<Connection>,
    /// How many there have been.
    made: u64,
    /// What was said of what is there; not again with each connection.
    said: HashSet<String>,
}

impl Link {
    pub fn new(url: SecretString, name: String) -> Self {
        Self { url, name, connection: None, made: 0, said: HashSet::new() }
    }

    /// Another connection to the same broker.
    pub fn another(&self, name: String) -> Self {
        Self::new(self.url.clone(), name)
    }

    /// A new channel, on a new connection if there is none.
    pub async fn channel(&mut self) -> Result<Channel, BusError> {
        if !self.is_connected() {
            self.connection = None;
        }
        let is_new = self.connection.is_none();
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => within(self.connect()).await?,
        };
        let channel = within(async { Ok(connection.create_channel().await?) }).await;
        // A connection that gives no channel is no use, whatever it says of itself.
        if channel.is_ok() {
            self.made += u64::from(is_new);
            self.connection = Some(connection);
        }
        channel
    }

    pub fn is_connected(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.status().connected())
    }

    /// How often a connection was made again.
    pub fn reconnects(&self) -> u64 {
        self.made.saturating_sub(1)
    }

    /// Whether something is said of `name` for the first time.
    pub fn is_news(&mut self, name: &str) -> bool {
        self.said.insert(name.to_owned())
    }

    pub fn is_blocked(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.status().blocked())
    }

    /// The user that the broker knows us as; it verifies `user_id` on everything published.
    pub fn user(&self) -> String {
        self.uri().map(|uri| uri.authority.userinfo.username).unwrap_or_default()
    }

    pub async fn close(&mut self) {
        if let Some(connection) = self.connection.take() {
            // It may be gone already, which is what is wanted.
            let _ = within(async { Ok(connection.close(200, "bye".into()).await?) }).await;
        }
    }

    async fn connect(&self) -> Result<Connection, BusError> {
        let mut uri = self.uri()?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let properties = ConnectionProperties::default().with_connection_name(self.name.as_str().into());
        Ok(Connection::connect_uri(uri, properties).await?)
    }

    fn uri(&self) -> Result<AMQPUri, BusError> {
        self.url.expose_secret().parse().map_err(|_| BusError::Unreachable("AMQP_URL is not a valid AMQP URL".into()))
    }
}

/// `work`, unless the broker takes too long.
pub(super) async fn within<T>(work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    tokio::time::timeout(ANSWER, work).await.unwrap_or(Err(BusError::TimedOut))
}
