//! Log lines for tests: one registration, told in short.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "for tests")]

use std::{collections::BTreeSet, sync::LazyLock};

use contracts::choreography::{REACTIONS, Reaction};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{flow::Flow, log_line::Hop};

/// The first event of the flow, and the flow's id.
pub const FLOW: &str = "01a1fb09-30ce-71ff-b577-23afd0e8be0d";
pub const CUSTOMER: &str = "01a1fb09-30ce-71ff-b577-23aeeda2efd8";
pub const TRACE: &str = "b6902b42d195e0d35ea22e6cb5894358";

/// The id of an event of this flow, by its type.
pub fn id(event_type: &str) -> Uuid {
    match event_type {
        "customer_created" => FLOW.parse().unwrap(),
        other => Uuid::new_v5(&Uuid::NAMESPACE_OID, other.as_bytes()),
    }
}

/// `ms service message event [< cause] [reason attempts]`, with dashes in the message: a line as a service writes it.
pub fn line(short: &str) -> String {
    let mut words = short.split_whitespace();
    let mut next = || words.next();
    let ms: i64 = next().unwrap().parse().unwrap();
    let (service, message, event) = (next().unwrap(), next().unwrap().replace('-', " "), next().unwrap());
    let began = "2026-11-20T22:17:25.966Z".parse::<Timestamp>().unwrap();
    let mut json = serde_json::json!({
        "timestamp": began + SignedDuration::from_millis(ms), "level": "INFO", "service": service,
        "message": format!("event {message}"), "event_id": id(event), "event_type": event, "correlation_id": FLOW,
        "transaction_id": format!("{FLOW}.{}", id(event)), "subject": CUSTOMER, "trace_id": TRACE,
    });
    let mut word = next();
    if word == Some("<") {
        json["causation_id"] = id(next().unwrap()).to_string().into();
        word = next();
    }
    if let Some(reason) = word {
        json["reason"] = reason.into();
        json["attempts"] = next().unwrap().parse::<u32>().unwrap().into();
    }
    json.to_string()
}

/// The reactions of the three services that samples know: others may have joined since.
pub static KNOWN: LazyLock<Vec<Reaction>> = LazyLock::new(|| {
    let known = |reaction: &&Reaction| ["customer", "email", "loyalty"].contains(&reaction.service);
    REACTIONS.iter().filter(known).copied().collect()
});

pub fn hops(shorts: &str) -> BTreeSet<Hop> {
    let shorts = shorts.lines().map(str::trim).filter(|short| !short.is_empty());
    shorts.map(|short| Hop::parse(line(short).as_bytes()).unwrap()).collect()
}

pub fn flow(shorts: &str) -> Flow {
    Flow::new(&KNOWN, FLOW.parse().unwrap(), &hops(shorts))
}

/// A registration that went well.
pub const ONBOARDED: &str = "
    5 customer recorded customer_created
    14 customer published customer_created
    26 email handled customer_created
    29 loyalty recorded status_points_added < customer_created
    29 loyalty handled customer_created
    35 loyalty published status_points_added < customer_created
    42 customer handled status_points_added < customer_created
    84 email recorded welcome_email_sent < customer_created
    91 email published welcome_email_sent < customer_created
    97 customer recorded customer_onboarded < welcome_email_sent
    97 customer handled welcome_email_sent < customer_created
    101 customer published customer_onboarded < welcome_email_sent";

/// A registration whose address was refused.
pub const COMPENSATED: &str = "
    5 customer recorded customer_created
    14 customer published customer_created
    26 email handled customer_created
    29 loyalty recorded status_points_added < customer_created
    29 loyalty handled customer_created
    35 loyalty published status_points_added < customer_created
    42 customer handled status_points_added < customer_created
    84 email recorded welcome_email_failed < customer_created
    91 email published welcome_email_failed < customer_created
    97 customer recorded customer_deactivated < welcome_email_failed
    97 customer handled welcome_email_failed < customer_created
    101 customer published customer_deactivated < welcome_email_failed
    110 email handled customer_deactivated < welcome_email_failed
    111 loyalty recorded status_points_revoked < customer_deactivated
    111 loyalty handled customer_deactivated < welcome_email_failed
    115 loyalty published status_points_revoked < customer_deactivated";
