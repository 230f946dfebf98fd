//! The bus on RabbitMQ: exchanges are events, queues are services, streams are history. Works on 3.10 and on 4.x.
//!
//! lapin's own recovery stays off: it leaves a consumer pending for ever after an error on its channel, and begins
//! streams again from where they first began. Instead every half of a service holds a [`Link`] and asks it for a channel;
//! after any error the channel is dropped, and if its connection is gone a new one is made and the topology declared
//! again. The loops of relay and router do the asking, with a rest in between.

use secrecy::{ExposeSecret, SecretString};

use super::{Bus, Publisher, Subscriber, Topology};

mod amqp;
mod link;
mod publisher;
mod queues;
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
        parsed.map_err(|_| anyhow::anyhow!("AMQP_URL is not a valid AMQP URL"))?;
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
