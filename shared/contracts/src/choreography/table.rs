//! The choreography as a table in Markdown, one line per event.

use event::EventType;

use super::{EVENTS, EventDeclaration, REACTIONS, Reaction};

/// The table, with the end of its last line.
pub fn table() -> String {
    let head = "| event | owner | published when | who reacts, with what, within |\n| --- | --- | --- | --- |\n";
    EVENTS.iter().fold(head.to_owned(), |table, fact| table + &line(fact))
}

fn line(EventDeclaration { event, when }: &EventDeclaration) -> String {
    let reactions = REACTIONS.iter().filter(|reaction| reaction.to.contains(event));
    let reactions: Vec<_> = reactions.map(|reaction| told(reaction, *event)).collect();
    let reactions = if reactions.is_empty() { "nobody".to_owned() } else { reactions.join("<br>") };
    format!("| `{}` | {} | {when} | {reactions} |\n", event.name, event.owner)
}

/// What `reaction` has to do with `event`.
fn told(Reaction { service, to, only_if, what, publishes, within, .. }: &Reaction, event: EventType) -> String {
    let gate = to.iter().filter(|other| **other != event).map(|other| format!(", once `{}` is there too", other.name));
    let condition = only_if.iter().map(|other| format!(", if there was `{}`", other.name));
    let conditions: String = gate.chain(condition).collect();
    let outcomes: Vec<_> = publishes.iter().map(|outcome| format!("`{}`", outcome.name)).collect();
    let outcomes = match outcomes.as_slice() {
        [] => String::new(),
        [one] => format!(": {one}"),
        several => format!(": either {}", several.join(" or ")),
    };
    format!("**{service}** {what}{conditions}{outcomes}, {} s", within.as_secs())
}
