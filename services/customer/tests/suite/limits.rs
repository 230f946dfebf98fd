//! The form is no way to send mail to strangers.

use axum::http::StatusCode;
use serde_json::json;

use super::stage::Stage;

#[tokio::test]
async fn a_client_registers_only_so_many_in_a_minute_by_whatever_proxy() {
    let stage = Stage::new().await;
    let too_many = (StatusCode::TOO_MANY_REQUESTS, Some(30));
    for (number, (peer, forwarded, expected)) in [
        ("192.0.2.1", "203.0.113.1", (StatusCode::CREATED, None)),
        ("192.0.2.1", "203.0.113.2", (StatusCode::CREATED, None)),
        ("192.0.2.1", "203.0.113.3", too_many),
        ("10.0.0.1", "192.0.2.1", too_many),
        ("10.0.0.1", "203.0.113.9, 192.0.2.1", too_many),
        ("10.0.0.2", "192.0.2.1, 203.0.113.9", (StatusCode::CREATED, None)),
        ("2001:db8::1", "", (StatusCode::CREATED, None)),
        ("2001:db8::2", "", (StatusCode::CREATED, None)),
        ("2001:db8::3", "", too_many),
        ("127.0.0.1", "", (StatusCode::CREATED, None)),
        ("127.0.0.1", "", (StatusCode::CREATED, None)),
        ("127.0.0.1", "", (StatusCode::CREATED, None)),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = stage.post_from(peer, forwarded, &format!("ada.{number}@example.com")).await;
        assert_eq!(answer, expected, "{peer} {forwarded}");
    }
    stage.database.clock.advance(jiff::SignedDuration::from_secs(30));
    assert_eq!(stage.post_from("192.0.2.1", "", "eve@example.com").await, (StatusCode::CREATED, None));
}

/// Whoever fills in the form with a stranger's address in a hundred spellings sends three mails a day.
#[tokio::test]
async fn a_recipient_is_registered_only_so_often_in_a_day_whatever_the_spelling() {
    let stage = Stage::new().await;
    for spelling in ["ada+1@example.com", "Ada+2@example.com", "ada@EXAMPLE.com"] {
        stage.register(spelling).await;
        // That it is taken is said, and costs nothing.
        assert_eq!(stage.post(None, json!({ "email": spelling, "name": "Ada" })).await.0, StatusCode::CONFLICT);
    }
    let (status, problem) = stage.post(None, json!({ "email": "ada+4@example.com", "name": "Ada" })).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (StatusCode::TOO_MANY_REQUESTS, &json!("email")));
    stage.register("bob@example.com").await;
    stage.database.clock.advance(jiff::SignedDuration::from_hours(8));
    stage.register("ada+4@example.com").await;
}
