//! A republish over HTTP: everybody gets it again, and nobody does anything again.

use axum::http::StatusCode;
use messaging::testing::{orders::order, stage::Stage};
use serde_json::{Value, json};

use super::desk::Desk;

#[tokio::test]
async fn every_inbox_drops_what_it_has_handled() {
    let mut stage = Stage::new().await;
    for name in ["Ada", "Bob"] {
        stage.create(order(), name).await;
    }
    stage.settle().await;
    let request = json!({ "from": stage.owner.database.clock.now() });
    let answer = Desk::of_owner(&stage).post("/admin/republish", &request).await;
    assert_eq!((answer.status, &answer.body), (StatusCode::OK, &json!({ "republished": 2 })));
    assert_eq!(stage.owner.relay.drain().await.unwrap(), 2);
    assert_eq!(stage.effects().await, ["Ada", "Bob"]);
    let trail: Vec<(String, String, Value)> = sqlx::query_as("SELECT operator, action, after FROM audit")
        .fetch_all(&stage.owner.database.pool)
        .await
        .unwrap();
    let done = json!({ "from": request["from"], "republished": 2 });
    assert_eq!(trail, [("ada".to_owned(), "republish".to_owned(), done)]);
}
