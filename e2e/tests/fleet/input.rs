//! Bad input of every kind, and the problem that names it.

use anyhow::{Context, ensure};
use e2e::api::{Answer, send};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::environment::api;

async fn post(content_type: &str, body: impl Into<reqwest::Body>) -> anyhow::Result<Answer> {
    send(api()?.request(Method::POST, "/customers").header("content-type", content_type).body(body)).await
}

#[tokio::test]
async fn a_body_that_is_no_registration_is_refused_as_what_it_is() -> anyhow::Result<()> {
    let good = || json!({ "email": "ada@example.com", "name": "Ada" }).to_string();
    let too_large = json!({ "email": "ada@example.com", "name": "a".repeat(64 * 1024) }).to_string();
    for (what, content_type, body, status) in [
        ("no JSON", "application/json", "{".to_owned(), 400),
        ("nothing", "application/json", String::new(), 400),
        ("half a surrogate pair", "application/json", r#"{"email": "\ud800"}"#.to_owned(), 400),
        ("an array", "application/json", format!("[{}]", good()), 422),
        ("a field twice", "application/json", good().replacen('{', r#"{"name": "Eve", "#, 1), 422),
        ("a text", "application/json", r#""ada@example.com""#.to_owned(), 422),
        ("over 64 KiB", "application/json", too_large, 413),
        ("text/plain", "text/plain", good(), 415),
        ("a form", "application/x-www-form-urlencoded", "email=ada@example.com&name=Ada".to_owned(), 415),
    ] {
        post(content_type, body).await?.expect_problem(status).with_context(|| what.to_owned())?;
    }
    send(api()?.request(Method::POST, "/customers").body(good())).await?.expect_problem(415)
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() -> anyhow::Result<()> {
    let (email, name) = (json!("ada@example.com"), json!("Ada"));
    let long_address = format!("{}@example.com", "a".repeat(250));
    let table: [(Value, &[&str]); 18] = [
        (json!({}), &["email", "name"]),
        (json!({ "email": email }), &["name"]),
        (json!({ "email": email, "name": null }), &["name"]),
        (json!({ "email": 7, "name": name }), &["email"]),
        (json!({ "email": [email], "name": { "first": name } }), &["email", "name"]),
        (json!({ "email": email, "name": "" }), &["name"]),
        (json!({ "email": email, "name": " \t" }), &["name"]),
        (json!({ "email": email, "name": "a".repeat(201) }), &["name"]),
        (json!({ "email": email, "name": "Ada\r\nBcc: eve@example.com" }), &["name"]),
        (json!({ "email": email, "name": "Ada\u{0}" }), &["name"]),
        (json!({ "email": email, "name": "Ada\u{202e}olleH" }), &["name"]),
        (json!({ "email": email, "name": "\u{3164}\u{200b}" }), &["name"]),
        (json!({ "email": "ada", "name": name }), &["email"]),
        (json!({ "email": "Ada <ada@example.com>", "name": name }), &["email"]),
        (json!({ "email": "ada@example.com\r\nBcc: eve@example.com", "name": name }), &["email"]),
        (json!({ "email": long_address, "name": name }), &["email"]),
        (json!({ "email": email, "name": name, "nmae": "Ada" }), &["nmae"]),
        (json!({ "email": "@", "name": "", "admin": true }), &["admin", "email", "name"]),
    ];
    for (body, fields) in table {
        let answer = post("application/json", body.to_string()).await?;
        answer.expect_problem(422).with_context(|| body.to_string())?;
        ensure!(answer.bad_fields() == fields, "{body}: {}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_refusal_does_not_repeat_what_it_was_given() -> anyhow::Result<()> {
    let answer = post("application/json", json!({ "email": "s3cret", "name": 7 }).to_string()).await?;
    ensure!(!answer.text.contains("s3cret"), "{}", answer.text);
    Ok(())
}

#[tokio::test]
async fn the_longest_good_name_and_an_odd_address_are_taken() -> anyhow::Result<()> {
    let email = format!("o'brien+{}@Mail.Example.co", Uuid::now_v7().simple());
    let registration = send(api()?.registering(&email, &"é".repeat(200))).await?.registration(&email)?;
    api()?.until_status(registration.customer_id, "onboarded").await.map(drop)
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_as_well() -> anyhow::Result<()> {
    let (api, nobody) = (api()?, Uuid::now_v7());
    for service in e2e::services() {
        api.get(&format!("{}/no/such/path", api.urls(service).http)).await?.expect_problem(404)?;
    }
    for path in ["/customers/7", &format!("/customers/{nobody}")] {
        send(api.request(Method::GET, path)).await?.expect_problem(404)?;
    }
    send(api.request(Method::DELETE, "/customers")).await?.expect_problem(405)?;
    send(api.request(Method::GET, "/customers")).await?.expect_problem(405)?;
    api.get(&format!("{}/accounts/{nobody}", api.urls("loyalty").http)).await?.expect_problem(404)?;
    let emails = format!("{}/emails", api.urls("email").http);
    for query in ["", "?customer_id=7"] {
        let answer = api.get(&format!("{emails}{query}")).await?;
        answer.expect_problem(422)?;
        ensure!(answer.bad_fields() == ["customer_id"], "{}", answer.text);
    }
    ensure!(api.emails(nobody).await?.is_empty(), "mails to nobody");
    Ok(())
}
