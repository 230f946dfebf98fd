//! The wire format: a sample for every version of every event, read and written.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use contracts::events::{
    customer::{CustomerCreated, CustomerDeactivated, CustomerOnboarded},
    email::{WelcomeEmailFailed, WelcomeEmailSent},
    loyalty::{StatusPointsAdded, StatusPointsRevoked},
};
use event::{Envelope, Event};

/// What is read is written the same again, and a field that a later publisher adds does not matter.
fn holds<E: Event>(golden: &str) {
    let file = format!("{}/samples/{golden}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    let envelope: Envelope = serde_json::from_str(&text).unwrap();
    assert_eq!(envelope.event_type, E::TYPE);
    assert_eq!(envelope.source, format!("/{}", E::OWNER));
    let event: E = serde_json::from_str(envelope.data.get()).unwrap();
    assert_eq!(event.subject(), envelope.subject);
    assert_eq!(serde_json::to_value(&event).unwrap(), golden["data"]);
    assert_eq!(serde_json::to_value(&envelope).unwrap(), golden);

    let mut later = golden;
    later["data"]["added_later"] = true.into();
    let later: Envelope = serde_json::from_value(later).unwrap();
    assert!(serde_json::from_str::<E>(later.data.get()).is_ok());
}

#[test]
fn every_version_of_every_event_is_read_and_written_as_its_sample() {
    holds::<CustomerCreated>("customer_created.1.json");
    holds::<CustomerOnboarded>("customer_onboarded.1.json");
    holds::<CustomerDeactivated>("customer_deactivated.1.json");
    holds::<WelcomeEmailSent>("welcome_email_sent.1.json");
    holds::<WelcomeEmailFailed>("welcome_email_failed.1.json");
    holds::<StatusPointsAdded>("status_points_added.1.json");
    holds::<StatusPointsRevoked>("status_points_revoked.1.json");
}
