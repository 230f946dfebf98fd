//! Which service reacts to which event: what is still to come in a flow.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context;
use email::EmailConfig;
use shared::{event::EventType, handler::Handlers};

/// For every event type, the services that handle it, in alphabetical order.
pub struct Reactions(BTreeMap<&'static str, Vec<&'static str>>);

impl Reactions {
    /// As the services themselves say.
    pub fn of_this_fleet() -> anyhow::Result<Self> {
        // Only asked for the types, so no mail is ever sent from this address.
        let sender = "fleet@localhost.example".parse().ok().context("an address")?;
        let config = EmailConfig { smtp_url: String::new().into(), mail_from: sender };
        Ok(Self::of(&[
            (customer::NAME, customer::handlers()),
            (email::NAME, email::handlers(&config, &Arc::default())),
            (loyalty::NAME, loyalty::handlers()),
        ]))
    }

    fn of(services: &[(&'static str, Handlers)]) -> Self {
        let mut reactions: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (service, handlers) in services {
            for EventType { name, .. } in handlers.event_types() {
                reactions.entry(name).or_default().push(*service);
            }
        }
        Self(reactions)
    }

    /// Who handles `event_type`.
    pub fn to(&self, event_type: &str) -> &[&'static str] {
        self.0.get(event_type).map_or(&[], Vec::as_slice)
    }
}
