//! The choreography as a table in Markdown, one line per event.

use shared::{
    choreography::{FACTS, Fact, REACTIONS, Reaction},
    event::EventType,
};

/// The table, with the end of its last line.
pub fn table() -> String {
    let head = "| event | owner | published when | who reacts, with what, within |\n| --- | --- | --- | --- |\n";
    FACTS.iter().fold(head.to_owned(), |table, fact| table + &line(fact))
}

fn line(Fact { event, when }: &Fact) -> String {
    let reactions = REACTIONS.iter().filter(|reaction| reaction.to.contains(event));
    let reactions: Vec<_> = reactions.map(|reaction| told(reaction, *event)).collect();
    format!("| `{}` | {} | {when} | {} |\n", event.name, event.owner, reactions.join("<br>"))
}

/// What `reaction` has to do with `event`.
fn told(reaction: &Reaction, event: EventType) -> String {
    let Reaction { service, what, within, .. } = reaction;
    let others = reaction.to.iter().filter(|other| **other != event);
    let conditions: String = others.chain(&reaction.given).map(|other| format!(", given `{}`", other.name)).collect();
    let outcomes: Vec<_> = reaction.publishes.iter().map(|outcome| format!("`{}`", outcome.name)).collect();
    let outcomes = match outcomes.as_slice() {
        [] => String::new(),
        [one] => format!(": {one}"),
        several => format!(": either {}", several.join(" or ")),
    };
    format!("{service} {what}{conditions}{outcomes}, {} s", within.as_secs())
}
