//! Who sees a name.

use axum::{Extension, http::StatusCode};
use contracts::CustomerId;
use customer::CustomerConfig;
use serde_json::json;
use service::bearer::AdminToken;
use uuid::Uuid;

use super::stage::{Stage, config};

#[tokio::test]
async fn name_and_address_are_for_who_registered_them_and_for_operators() {
    let mut stage = Stage::new().await;
    let (_, ada) = stage.post(None, json!({ "email": "ada@example.com", "name": "Ada" })).await;
    let (_, bob) = stage.post(None, json!({ "email": "bob@example.com", "name": "Bob" })).await;
    let id = CustomerId(ada["id"].as_str().unwrap().parse().unwrap());
    let (status, open) = stage.get_as(id, None).await;
    assert_eq!((status, &open["status"]), (StatusCode::OK, &json!("registered")));
    assert!(!open.to_string().contains("Ada") && !open.to_string().contains("ada@"), "{open}");
    assert!(open.get("name").is_none() && open.get("email").is_none(), "absent, not null: {open}");

    let (status, whole) = stage.get_as(id, ada["access_token"].as_str()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&whole["name"], &whole["email"]), (&json!("Ada"), &json!("ada@example.com")));
    let nobody = CustomerId(Uuid::now_v7());
    for (id, token) in [(id, bob["access_token"].as_str()), (id, Some("x")), (nobody, ada["access_token"].as_str())] {
        let (status, refused) = stage.get_as(id, token).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(!refused.to_string().contains("Ada"), "{refused}");
    }

    assert_eq!(stage.get_as(id, Some("operators")).await.0, StatusCode::UNAUTHORIZED);
    stage.http = stage.http.layer(Extension(AdminToken::new(Some(&"operators".into()))));
    assert_eq!(stage.get_as(id, Some("operators")).await.1["name"], "Ada");
    assert_eq!(stage.get_as(id, Some("operator")).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_outlasts_the_process_and_a_change_of_keys() {
    let mut stage = Stage::new().await;
    let [old, new] = ["old:0123456789abcdef0123456789abcdef", "new:fedcba9876543210fedcba9876543210"];
    let with = |keys: &str| {
        let config = CustomerConfig { access_token_keys: Some(keys.into()), ..config() };
        customer::service(&stage.database, &config).unwrap().http
    };
    let [first, rotated, without] = [old, &format!("{new},{old}"), new].map(with);
    stage.http = first;
    let (_, ada) = stage.post(None, json!({ "email": "ada@example.com", "name": "Ada" })).await;
    let (id, token) = (ada["id"].as_str().unwrap().parse().unwrap(), ada["access_token"].as_str());
    stage.http = rotated;
    assert_eq!(stage.get_as(CustomerId(id), token).await.1["name"], "Ada");
    stage.http = without;
    assert_eq!(stage.get_as(CustomerId(id), token).await.0, StatusCode::UNAUTHORIZED);
}
