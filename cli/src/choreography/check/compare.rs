//! Declared against found: a line for each difference, which names it and says what to do.

use contracts::choreography::{publications, subscriptions};
use event::EventType;

use super::{
    declared::{Declared, Queue},
    found::{self, Binding, Consumer, Exchange, Found, Registered},
    policies::policies,
    writers::second_writers,
};

#[cfg(test)]
mod tests;

const DECLARATION: &str = "shared/src/choreography.rs";

/// Every difference; what follows from another one is not repeated.
pub fn differences(declared: &Declared, found: &Found) -> Vec<String> {
    let comparisons = [exchanges, queues, policies, bindings, consumers, second_writers];
    let of_broker = comparisons.into_iter().flat_map(|compare| compare(declared, found));
    of_broker.chain(found.services.iter().flat_map(service)).collect()
}

fn exchanges(declared: &Declared, found: &Found) -> Vec<String> {
    let missing = declared.exchanges.iter().filter(|(name, _)| !found.exchanges.iter().any(|at| at.name == **name));
    let missing = missing.map(|(name, owner)| format!("missing exchange {name}: restart {owner}, which declares it"));
    missing.chain(found.exchanges.iter().filter_map(|exchange| strange_exchange(declared, exchange))).collect()
}

/// RabbitMQ has some of its own: the default one, which has no name, and `amq.*`.
fn strange_exchange(declared: &Declared, Exchange { name, kind, durable }: &Exchange) -> Option<String> {
    if name.is_empty() || name.starts_with("amq.") {
        return None;
    }
    let Some(owner) = declared.exchanges.get(name) else {
        return Some(format!(
            "orphan exchange {name}: no event has this name; delete it, or declare it in {DECLARATION}"
        ));
    };
    let kind = if *durable { kind.clone() } else { format!("transient {kind}") };
    (kind != "fanout").then(|| {
        format!(
            "wrong exchange {name}: it is a {kind}, not a durable fanout; \
             delete it, and restart {owner}, which declares it"
        )
    })
}

fn queues(declared: &Declared, found: &Found) -> Vec<String> {
    let missing = declared.queues.iter().filter(|(name, _)| !found.queues.iter().any(|at| at.name == **name));
    let missing =
        missing.map(|(name, queue)| format!("missing queue {name}: restart {}, which declares it", queue.owner));
    missing.chain(found.queues.iter().filter_map(|queue| strange_queue(declared, found, queue))).collect()
}

fn strange_queue(declared: &Declared, found: &Found, found::Queue { name, kind, .. }: &found::Queue) -> Option<String> {
    let Some(queue) = declared.queues.get(name) else {
        let bound = found.bindings.iter().filter(|binding| binding.is_of(name));
        let bound: Vec<_> = bound.map(|binding| binding.source.as_str()).collect();
        let bound = if bound.is_empty() { String::new() } else { format!(", bound to {}", bound.join(", ")) };
        return Some(format!(
            "orphan queue {name}{bound}: no service has this name; delete it, or declare its reactions in {DECLARATION}"
        ));
    };
    (kind != queue.kind).then(|| {
        let (wanted, owner) = (queue.kind, queue.owner);
        format!(
            "wrong queue {name}: its type is {kind}, not {wanted}; delete it, and restart {owner}, which declares it"
        )
    })
}

impl Binding {
    /// Whether it is a binding of the queue `name`, and not the one that every queue has.
    fn is_of(&self, name: &str) -> bool {
        self.destination_type == "queue" && self.destination == name && !self.source.is_empty()
    }
}

/// Of exchanges and queues that are declared and there.
fn bindings(declared: &Declared, found: &Found) -> Vec<String> {
    let is_there = |(exchange, queue): &&(String, String)| {
        found.exchanges.iter().any(|at| at.name == *exchange) && found.queues.iter().any(|at| at.name == *queue)
    };
    let is_bound = |(exchange, queue): &&(String, String)| {
        found.bindings.iter().any(|binding| binding.is_of(queue) && binding.source == *exchange)
    };
    let missing = declared.bindings.iter().filter(is_there).filter(|binding| !is_bound(binding));
    let missing = missing.map(|(exchange, queue)| {
        // Services look after what they consume; their history they bind when they connect.
        let fix = match &declared.queues[queue] {
            Queue { kind: "stream", owner, .. } => format!("restart {owner}, which then binds it"),
            Queue { owner, .. } => format!("{owner} binds it again within a minute"),
        };
        format!("missing binding of queue {queue} to exchange {exchange}: {fix}")
    });
    missing.chain(found.bindings.iter().filter_map(|binding| extra_binding(declared, binding))).collect()
}

fn extra_binding(declared: &Declared, Binding { source, destination, destination_type }: &Binding) -> Option<String> {
    let is_queue = destination_type == "queue";
    let told_elsewhere = source.is_empty()
        || !declared.exchanges.contains_key(source)
        || is_queue && !declared.queues.contains_key(destination);
    let is_declared = is_queue && declared.bindings.contains(&(source.clone(), destination.clone()));
    (!told_elsewhere && !is_declared).then(|| {
        format!(
            "extra binding of {destination_type} {destination} to exchange {source}: \
             unbind it, or declare the reaction in {DECLARATION}"
        )
    })
}

fn consumers(declared: &Declared, found: &Found) -> Vec<String> {
    let mut strangers: Vec<_> = found.consumers.iter().filter_map(|consumer| stranger(declared, consumer)).collect();
    strangers.sort_unstable();
    strangers.dedup();
    strangers
}

fn stranger(declared: &Declared, Consumer { queue, user }: &Consumer) -> Option<String> {
    let readers = declared.queues.get(queue).map_or(&[][..], |queue| &queue.readers);
    let should = if readers.is_empty() { "nobody".to_owned() } else { readers.join(", ") };
    (!readers.contains(&user.as_str()))
        .then(|| format!("undeclared consumer: user {user} consumes queue {queue}, which is for {should}: stop it"))
}

/// What a service says of itself.
fn service(Registered { asked, topology }: &Registered) -> Vec<String> {
    if topology.service != *asked {
        return vec![format!("wrong service: {} answers for {asked}; correct {asked}'s URL", topology.service)];
    }
    let handlers = Sides::new(subscriptions(asked), &topology.reacts_to);
    let events = Sides::new(publications(asked), &topology.publishes);
    let build = "run the version that this declaration is of";
    let no_handler = |event| format!("missing handler: service {asked} has none for {event}; {build}");
    let handler =
        |event| format!("extra handler: service {asked} has one for {event}; {build}, or declare it in {DECLARATION}");
    let no_event = |event| format!("missing event: service {asked} owns {event} and does not publish it; {build}");
    let event = |event| format!("foreign event: service {asked} publishes {event}, which is not its own; {build}");
    let handlers = handlers.missing.into_iter().map(no_handler).chain(handlers.extra.into_iter().map(handler));
    let events = events.missing.into_iter().map(no_event).chain(events.extra.into_iter().map(event));
    handlers.chain(events).collect()
}

/// What only the declaration has, and what only the service has.
struct Sides {
    missing: Vec<String>,
    extra: Vec<String>,
}

impl Sides {
    fn new(declared: Vec<EventType>, live: &[String]) -> Self {
        let declared: Vec<_> = declared.into_iter().map(|event| event.name.to_owned()).collect();
        let not_in =
            |others: &[String], all: &[String]| all.iter().filter(|one| !others.contains(one)).cloned().collect();
        Self { missing: not_in(live, &declared), extra: not_in(&declared, live) }
    }
}
