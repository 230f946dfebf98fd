//! The choreography as a flowchart in Mermaid: services are nodes, events are arrows.
//!
//! A diamond is a service's choice: exactly one of its events is published. A hexagon is a gate: it waits for all events that
//! lead into it. The empty circle is the end.

use std::collections::BTreeSet;

use event::EventType;

use super::{EVENTS, EventDeclaration, REACTIONS, Reaction};

/// The flowchart, with the end of its last line.
pub fn flowchart() -> String {
    let gates = REACTIONS.iter().filter(|reaction| is_gate(reaction));
    let gates = gates.map(|reaction| format!("{}{{{{and}}}} --> {}", gate(reaction), reaction.service));
    let arrows = EVENTS.iter().map(|fact| format!("{} -- {} --> {}", from(fact), fact.event.name, to(fact.event)));
    gates.chain(arrows).fold("flowchart LR\n".to_owned(), |chart, line| chart + "  " + &line + "\n")
}

/// Whoever publishes the event, with what precedes it: the beginning of a flow, or the choice, drawn where it is met first.
fn from(EventDeclaration { event, when }: &EventDeclaration) -> String {
    let owner = event.owner;
    match REACTIONS.iter().find(|reaction| reaction.publishes.contains(event)) {
        None => format!("begin([{when}]) --> {owner}"),
        Some(Reaction { publishes: [first, _, ..], .. }) if first == event => format!("{owner} --> {owner}_or{{or}}"),
        Some(Reaction { publishes: [_, _, ..], .. }) => format!("{owner}_or"),
        Some(_) => owner.to_owned(),
    }
}

/// All who react, or their gates.
fn to(event: EventType) -> String {
    let reactions = REACTIONS.iter().filter(|reaction| reaction.to.contains(&event));
    let nodes: BTreeSet<_> = reactions
        .map(|reaction| if is_gate(reaction) { gate(reaction) } else { reaction.service.to_owned() })
        .collect();
    let nodes: Vec<_> = nodes.into_iter().collect();
    if nodes.is_empty() { "done(( ))".to_owned() } else { nodes.join(" & ") }
}

fn is_gate(reaction: &Reaction) -> bool {
    reaction.to.len() > 1
}

fn gate(reaction: &Reaction) -> String {
    format!("{}_and", reaction.service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_service_has_two_choices_or_two_gates_which_would_be_one_node() {
        let unique = |services: Vec<&str>| services.iter().collect::<BTreeSet<_>>().len() == services.len();
        let choices = REACTIONS.iter().filter(|reaction| reaction.publishes.len() > 1);
        assert!(unique(choices.map(|reaction| reaction.service).collect()));
        assert!(unique(
            REACTIONS.iter().filter(|reaction| is_gate(reaction)).map(|reaction| reaction.service).collect()
        ));
    }
}
