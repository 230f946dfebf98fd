//! Policies on the broker that break a promise: an administrator can set them over the head of every service.

use serde_json::Value;

use super::{declared::Declared, found::Found};

/// What a policy may set, and what comes of it.
const BREAKS: [(&str, &str); 10] = [
    ("message-ttl", "messages are dropped before anybody has seen them"),
    ("expires", "the queue is deleted when nobody reads it for a while"),
    ("max-length", "messages are dropped, or publishers refused"),
    ("max-length-bytes", "messages are dropped, or publishers refused"),
    ("overflow", "publishers are refused when it is full"),
    ("delivery-limit", "a message is given up that was never handled"),
    ("dead-letter-exchange", "what is given up goes elsewhere"),
    ("dead-letter-routing-key", "what is given up goes elsewhere"),
    ("dead-letter-strategy", "what is given up may hold up the queue"),
    ("max-age", "a service that was away for longer can't catch up"),
];

/// A line for each setting of each queue of ours.
pub fn policies(declared: &Declared, found: &Found) -> Vec<String> {
    let ours = found.queues.iter().filter(|queue| declared.queues.contains_key(&queue.name));
    ours.flat_map(|queue| {
        let set = queue.effective_policy_definition.as_object().into_iter().flatten();
        set.filter_map(|(key, value)| {
            let (_, comes_of_it) = BREAKS.iter().find(|(name, _)| name == key)?;
            // More of the same harms nobody.
            if key == "overflow" && value == "drop-head" {
                return None;
            }
            Some(format!(
                "policy {} sets {key} of queue {} to {}: {comes_of_it}; clear it, or except our queues from it",
                queue.policies(),
                queue.name,
                shown(value),
            ))
        })
    })
    .collect()
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
