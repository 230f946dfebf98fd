//! Messages that nobody can handle, among messages that everybody can.

use anyhow::ensure;
use e2e::{api::address, eventually::eventually};
use lapin::BasicProperties;
use serde_json::json;
use uuid::Uuid;

use super::harness::Fleet;

#[tokio::test]
async fn poison_is_kept_with_its_reason_and_blocks_nobody() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    fleet.until_caught_up().await?;
    let broker = fleet.broker().await?;
    let (stranger, hostile) = (Uuid::now_v7(), Uuid::now_v7());
    let two_lines = json!({ "customer_id": hostile, "email": "ada@example.com", "name": "Ada\r\nBcc: eve@example.com",
        "registered_at": e2e::now() });
    let mut registrations = Vec::new();
    for poison in [
        b"neither JSON nor an event".to_vec(),
        envelope("no_such_type", stranger, &json!({ "customer_id": stranger })),
        envelope("customer_created", stranger, &json!({ "customer_id": 7, "email": [], "name": null })),
        envelope("customer_created", hostile, &two_lines),
    ] {
        registrations.push(fleet.api.register(&address("example.com")).await?);
        // Without a message id: what is not readable is known by its bytes, so a copy of it is a copy.
        broker.publish("customer_created", &poison, BasicProperties::default()).await?;
        broker.publish("customer_created", &poison, BasicProperties::default()).await?;
        registrations.push(fleet.api.register(&address("example.com")).await?);
    }
    for registration in &registrations {
        fleet.api.until_status(registration.customer_id, "onboarded").await?;
    }
    for service in ["email", "loyalty"] {
        let parked = eventually("the poison is parked", || async {
            let parked = fleet.database.parked(service).await?;
            ensure!(parked.len() == 4, "{parked:?}");
            Ok(parked)
        })
        .await?;
        for (message, subject) in parked.iter().zip([None, None, Some(stranger.to_string()), Some(hostile.to_string())])
        {
            ensure!(message["state"] == "dead" && message["reason"] == "undecodable", "{service}: {message}");
            ensure!(message["type"] == "customer_created" && message["error"] != "", "{service}: {message}");
            ensure!(message["subject"].as_str() == subject.as_deref(), "{service}: {message}");
        }
        let dead = fleet.logs.text(service)?.lines().filter(|line| line.contains(r#""message":"event dead""#)).count();
        ensure!(dead == 4, "{service} has {dead} lines about dead events");
    }
    Ok(())
}

/// A CloudEvent as the fleet's own.
pub fn envelope(event_type: &str, subject: Uuid, data: &serde_json::Value) -> Vec<u8> {
    let id = Uuid::now_v7();
    let event = json!({
        "specversion": "1.0", "id": id, "type": event_type, "source": "/customer", "subject": subject,
        "time": e2e::now(), "datacontenttype": "application/json",
        "dataschema": format!("/schemas/{event_type}/1"), "correlationid": id, "sequence": "1", "data": data,
    });
    event.to_string().into_bytes()
}
