//! The dance, said once more by hand: a slip in the declaration can't bless itself.

use std::collections::BTreeSet;

use contracts::choreography;

/// Every event, and who owns it.
const EVENTS: &[(&str, &str)] = &[
    ("customer_created", "customer"),
    ("welcome_email_sent", "email"),
    ("welcome_email_failed", "email"),
    ("status_points_added", "loyalty"),
    ("customer_onboarded", "customer"),
    ("customer_deactivated", "customer"),
    ("status_points_revoked", "loyalty"),
];

/// Who reacts to what, and may then publish what.
const REACTIONS: &[(&str, &str, &[&str])] = &[
    ("customer_created", "email", &["welcome_email_failed", "welcome_email_sent"]),
    ("customer_created", "loyalty", &["status_points_added"]),
    ("welcome_email_sent", "customer", &["customer_onboarded"]),
    ("status_points_added", "customer", &["customer_onboarded"]),
    ("welcome_email_failed", "customer", &["customer_deactivated"]),
    ("customer_deactivated", "loyalty", &["status_points_revoked"]),
    ("customer_deactivated", "email", &[]),
];

#[test]
fn the_declared_events_are_these() {
    let declared: BTreeSet<_> = choreography::EVENTS.iter().map(|fact| (fact.event.name, fact.event.owner)).collect();
    assert_eq!(declared, EVENTS.iter().copied().collect());
}

#[test]
fn the_declared_reactions_are_these() {
    let mut declared = BTreeSet::new();
    for reaction in choreography::REACTIONS {
        let mut publishes: Vec<_> = reaction.publishes.iter().map(|event| event.name).collect();
        publishes.sort_unstable();
        declared.extend(reaction.to.iter().map(|event| (event.name, reaction.service, publishes.clone())));
    }
    let by_hand = REACTIONS.iter().map(|(event, service, publishes)| (*event, *service, publishes.to_vec()));
    assert_eq!(declared, by_hand.collect());
}
