//! The choreography as a flowchart in Mermaid: services are nodes, events are arrows.
//!
//! A diamond is a service's choice, of which exactly one outcome is published; a hexagon is a gate that waits for all events
//! that lead into it; the empty circle is the end.

use std::collections::BTreeSet;

use shared::{
    choreography::{FACTS, Fact, REACTIONS, Reaction},
    event::EventType,
};

/// The flowchart, with the end of its last line.
pub fn flowchart() -> String {
    let beginnings = FACTS.iter().filter(|fact| answered_by(fact.event).next().is_none()).map(beginning);
    let choices = REACTIONS.iter().filter(|reaction| reaction.publishes.len() > 1).map(choice);
    let gates = REACTIONS.iter().filter(|reaction| reaction.to.len() > 1).map(gate);
    let arrows = FACTS.iter().map(|fact| arrow(fact.event));
    let lines = beginnings.chain(choices).chain(gates).chain(arrows);
    lines.fold("flowchart LR\n".to_owned(), |chart, line| chart + "  " + &line + "\n")
}

/// The reactions that publish `event`.
fn answered_by(event: EventType) -> impl Iterator<Item = &'static Reaction> {
    REACTIONS.iter().filter(move |reaction| reaction.publishes.contains(&event))
}

fn beginning(Fact { event, when }: &Fact) -> String {
    format!("begin([{when}]) --> {}", event.owner)
}

fn choice(reaction: &Reaction) -> String {
    format!("{} --> {}{{or}}", reaction.service, choice_of(reaction))
}

fn gate(reaction: &Reaction) -> String {
    format!("{}{{{{and}}}} --> {}", gate_of(reaction), reaction.service)
}

fn choice_of(reaction: &Reaction) -> String {
    format!("{}_or", reaction.service)
}

fn gate_of(reaction: &Reaction) -> String {
    format!("{}_and", reaction.service)
}

/// From who publishes `event`, or its choice, to all who react, or their gates.
fn arrow(event: EventType) -> String {
    let choice = answered_by(event).find(|reaction| reaction.publishes.len() > 1);
    let from = choice.map_or_else(|| event.owner.to_owned(), choice_of);
    let reactions = REACTIONS.iter().filter(|reaction| reaction.to.contains(&event));
    let into =
        |reaction: &Reaction| if reaction.to.len() > 1 { gate_of(reaction) } else { reaction.service.to_owned() };
    let to: BTreeSet<_> = reactions.map(into).collect();
    let to: Vec<_> = to.into_iter().collect();
    let to = if to.is_empty() { "done(( ))".to_owned() } else { to.join(" & ") };
    format!("{from} -- {} --> {to}", event.name)
}
