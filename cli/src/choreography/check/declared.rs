//! What a broker has if it is as declared.

use std::collections::{BTreeMap, BTreeSet};

use contracts::choreography::{observers, publications, services, subscriptions};

/// Exchanges, queues, and what binds them.
pub struct Declared {
    /// Each with the service that declares it and that alone writes to it.
    pub exchanges: BTreeMap<String, &'static str>,
    pub queues: BTreeMap<String, Queue>,
    /// Exchange and queue.
    pub bindings: BTreeSet<(String, String)>,
}

pub struct Queue {
    /// The service that declares it.
    pub owner: &'static str,
    pub kind: &'static str,
    /// Who may consume it.
    pub readers: Vec<&'static str>,
}

/// All services, observers among them.
pub fn members() -> Vec<&'static str> {
    services().into_iter().chain(observers()).collect()
}

impl Declared {
    pub fn new() -> Self {
        let mut declared = Self { exchanges: BTreeMap::new(), queues: BTreeMap::new(), bindings: BTreeSet::new() };
        for service in members() {
            declared.subscribe(service);
            declared.publish(service);
        }
        declared
    }

    /// The queue of `service` and what takes its dead letters.
    fn subscribe(&mut self, service: &'static str) {
        let dead = format!("{service}.dead");
        let quorum = || Queue { owner: service, kind: "quorum", readers: vec![service] };
        self.queues.insert(service.to_owned(), quorum());
        self.queues.insert(dead.clone(), quorum());
        self.exchanges.insert(dead.clone(), service);
        self.bindings.insert((dead.clone(), dead));
        for event in subscriptions(service) {
            self.bindings.insert((event.name.to_owned(), service.to_owned()));
        }
    }

    /// The exchanges of `service`, and its history, from which those catch up who react.
    fn publish(&mut self, service: &'static str) {
        let events = publications(service);
        if events.is_empty() {
            return;
        }
        let history = format!("{service}.history");
        let reads = |reader: &&str| subscriptions(reader).iter().any(|event| event.owner == service);
        let readers = members().into_iter().filter(reads).collect();
        self.queues.insert(history.clone(), Queue { owner: service, kind: "stream", readers });
        for event in events {
            self.exchanges.insert(event.name.to_owned(), service);
            self.bindings.insert((event.name.to_owned(), history.clone()));
        }
    }
}
