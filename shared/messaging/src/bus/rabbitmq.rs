//! The bus on RabbitMQ: exchanges are events, queues are services, streams are history. Works on 3.10 and on 4.x.
//!
//! lapin's own recovery stays off: it leaves a consumer pending for ever after an error on its channel, and begins
//! streams again from where they first began. Instead every half of a service holds a [`Link`] and asks it for a channel;
//! after any error the channel is dropped, and if its connection is gone a new one is made and the topology declared
//! again. The loops of relay and router do the asking, with a rest in between.

use lapin::{
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::{AMQPValue, FieldTable, ShortString},
};
use secrecy::{ExposeSecret, SecretString};

use super::{Bus, BusError, Publisher, Subscriber, Topology};

mod link;
mod publisher;
mod subscriber;

use link::Link;

/// RabbitMQ at one URL, as one user.
#[derive(Clone, Debug)]
pub struct RabbitMq {
    url: SecretString,
    history_days: u32,
}

impl RabbitMq {
    /// The broker at `url` (`amqp://` or `amqps://`), where a service's history goes back `history_days`; connects only
    /// when it is used. Fails if the URL is none.
    pub fn new(url: SecretString, history_days: u32) -> anyhow::Result<Self> {
        let parsed: Result<lapin::uri::AMQPUri, String> = url.expose_secret().parse();
        // The parser's message could quote the password.
        parsed.map_err(|_| anyhow::anyhow!("AMQP_URL is no AMQP URL"))?;
        Ok(Self { url, history_days })
    }

    fn link(&self, name: String) -> Link {
        Link::new(self.url.clone(), name)
    }
}

impl Bus for RabbitMq {
    fn publisher(&self, topology: &Topology) -> Box<dyn Publisher> {
        let link = self.link(format!("{} publisher", topology.service));
        Box::new(publisher::RabbitPublisher::new(link, topology.clone(), self.history_days))
    }

    /// On a connection of its own: an alarm stops everything on a connection that publishes, acks included.
    fn subscriber(&self, topology: &Topology) -> Box<dyn Subscriber> {
        let link = self.link(format!("{} subscriber", topology.service));
        Box::new(subscriber::RabbitSubscriber::new(link, topology.clone()))
    }
}

fn dead_letters_of(service: &str) -> String {
    format!("{service}.dead")
}

fn history_of(service: &str) -> String {
    format!("{service}.history")
}

/// Names are ours and short; one that is not is refused instead of panicking.
fn short(name: &str) -> Result<ShortString, BusError> {
    ShortString::try_new(name).map_err(|_| BusError::Refused(format!("{} bytes are too long for a name", name.len())))
}

fn table<const N: usize>(entries: [(&'static str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// A soft error closes the channel and is about what was asked; all else is about the connection.
impl From<lapin::Error> for BusError {
    fn from(error: lapin::Error) -> Self {
        if error.is_amqp_soft_error() { Self::Refused(error.to_string()) } else { Self::Away(error.to_string()) }
    }
}

fn is_not_found(error: &lapin::Error) -> bool {
    is_soft(error, &AMQPSoftError::NOTFOUND)
}

/// What is declared is there already, with other arguments.
fn is_another_kind(error: &lapin::Error) -> bool {
    is_soft(error, &AMQPSoftError::PRECONDITIONFAILED)
}

fn is_soft(error: &lapin::Error, kind: &AMQPSoftError) -> bool {
    let lapin::ErrorKind::ProtocolError(error) = error.kind() else { return false };
    matches!(error.kind(), AMQPErrorKind::Soft(soft) if soft == kind)
}
