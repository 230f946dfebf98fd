//! The missing steps of a flow, in words.

use jiff::{Timestamp, Unit};

use crate::model::{DeliveryStatus, FlowDetail, Node, Step, StepState};

/// Every step of the flow that is not there, in the order of its tree. A gate that waits for one of them is not named.
pub fn missing(detail: &FlowDetail) -> Vec<Step> {
    let steps = detail.tree.iter().flat_map(all).flat_map(|node| &node.steps);
    let is_missing = |step: &&Step| matches!(step.state, StepState::Open | StepState::Overdue) && step.due_at.is_some();
    steps.filter(is_missing).cloned().collect()
}

/// `node` and all below it.
fn all(node: &Node) -> Vec<&Node> {
    std::iter::once(node).chain(node.effects.iter().flat_map(all)).collect()
}

/// Who should do what, since when or until when, and what that service says.
pub fn in_words(step: &Step, now: Timestamp) -> String {
    let Step { service, what, .. } = step;
    let expects = if step.expects.is_empty() { String::new() } else { format!(" ({})", step.expects.join(" or ")) };
    let said = step.held.as_ref().map(|held| format!("; {}", said(held))).unwrap_or_default();
    format!("{service}: {what}{expects}, {}{said}", due(step.due_at, now))
}

fn due(due_at: Option<Timestamp>, now: Timestamp) -> String {
    let Some(due_at) = due_at else { return "waiting for another step".into() };
    // Fails only for spans that no calendar has.
    let seconds = now.since((Unit::Second, due_at)).map_or(0, |span| span.get_seconds());
    if seconds >= 0 { format!("overdue for {seconds} s") } else { format!("due in {} s", -seconds) }
}

/// What a service says of a message, in words.
fn said(held: &DeliveryStatus) -> String {
    let why = match (&held.reason, held.attempts) {
        (Some(reason), Some(1)) => format!(" ({reason}, 1 attempt)"),
        (Some(reason), Some(attempts)) => format!(" ({reason}, {attempts} attempts)"),
        _ => String::new(),
    };
    match held.state.as_str() {
        "unreachable" => "it does not answer".into(),
        "unknown" => "it has not had the message".into(),
        "handled" => "it has handled the message, and its answer is not here".into(),
        "discarded" => "there an operator has discarded the message".into(),
        "behind" => "it holds the message behind an earlier one of this customer".into(),
        state => format!("it holds the message as {state}{why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_step_is_told_in_words() {
        let due_at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let held = DeliveryStatus {
            state: "dead".into(),
            reason: Some("undecodable".into()),
            attempts: Some(1),
            asked_at: due_at,
        };
        let mut step = Step {
            service: "loyalty".into(),
            what: "books the joining points".into(),
            to: vec!["customer_created".into()],
            state: StepState::Overdue,
            answered_by: None,
            expects: vec!["status_points_added".into()],
            due_at: Some(due_at),
            held: Some(held),
        };
        let late = "2026-11-21T12:00:12Z".parse().unwrap();
        let expected = "loyalty: books the joining points (status_points_added), overdue for 12 s; \
                        it holds the message as dead (undecodable, 1 attempt)";
        assert_eq!(in_words(&step, late), expected);
        step.held = None;
        let early = "2026-11-21T11:59:55Z".parse().unwrap();
        assert_eq!(in_words(&step, early), "loyalty: books the joining points (status_points_added), due in 5 s");
    }
}
