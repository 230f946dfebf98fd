//! Who is registered, and once.

use axum::http::StatusCode;
use contracts::CustomerId;
use serde_json::json;

use super::stage::Stage;

#[tokio::test]
async fn an_address_is_taken_whatever_its_case() {
    let stage = Stage::new().await;
    stage.register("ada@example.com").await;
    let (status, problem) = stage.post(None, json!({ "email": "Ada@Example.COM", "name": "Ada" })).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["errors"][0]["field"], "email");
}

#[tokio::test]
async fn an_address_is_one_in_whatever_script_its_domain_is_written() {
    let stage = Stage::new().await;
    let (_, ada) = stage.post(None, json!({ "email": "ada@bücher.example", "name": "Ada" })).await;
    assert_eq!(ada["email"], "ada@xn--bcher-kva.example");
    let (status, _) = stage.post(None, json!({ "email": "ada@BÜCHER.example", "name": "Ada" })).await;
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_name_with_a_link_in_it_and_an_address_that_cannot_be_written_to_are_named() {
    let stage = Stage::new().await;
    let (status, problem) =
        stage.post(None, json!({ "email": "ädä@example.com", "name": "win at evil.example" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let details: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["detail"].clone()).collect();
    assert!(details[0].as_str().unwrap().contains("ASCII characters before the @"), "{problem}");
    assert!(details[1].as_str().unwrap().contains("link"), "{problem}");
}

#[tokio::test]
async fn a_key_answers_the_first_201_again_until_a_day_has_passed() {
    let mut stage = Stage::new().await;
    let body = json!({ "email": "ada@example.com", "name": "Ada" });
    let first = stage.post(Some("key-1"), body.clone()).await;
    let ada = CustomerId(first.1["id"].as_str().unwrap().parse().unwrap());
    stage.points(ada).await;
    stage.sent(ada).await;
    // The same registration, whatever the order of its fields.
    assert_eq!(stage.post(Some("key-1"), json!({ "name": " Ada ", "email": "ada@example.com" })).await, first);
    let (status, _) = stage.post(Some("key-1"), json!({ "email": "bob@example.com", "name": "Bob" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    // A 409 is not stored: the key is free for another try.
    assert_eq!(stage.post(Some("key-2"), body.clone()).await.0, StatusCode::CONFLICT);
    assert_eq!(stage.post(Some("key-2"), json!({ "email": "b@example.com", "name": "B" })).await.0, 201);

    stage.database.clock.advance(jiff::SignedDuration::from_hours(25));
    assert_eq!(stage.post(Some("key-1"), json!({ "email": "cy@example.com", "name": "Cy" })).await.0, 201);
}

#[tokio::test]
async fn concurrent_twins_under_one_key_make_one_customer() {
    let stage = Stage::new().await;
    let body = json!({ "email": "ada@example.com", "name": "Ada" });
    let twins = (0..6).map(|_| stage.post(Some("key"), body.clone()));
    let answers = futures_util::future::join_all(twins).await;
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
        assert_eq!(answer.0, StatusCode::CREATED);
    }
    let customers: i64 =
        sqlx::query_scalar("SELECT count(*) FROM customers").fetch_one(&stage.database.pool).await.unwrap();
    assert_eq!(customers, 1);
}
