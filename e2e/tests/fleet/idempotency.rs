//! `Idempotency-Key`: a repetition is harmless, and another request under the same key is not taken for one.

use anyhow::ensure;
use e2e::api::{Answer, Api, address, send};
use uuid::Uuid;

use super::environment::api;

async fn post(api: &Api, key: &str, email: &str, name: &str) -> anyhow::Result<Answer> {
    send(api.registering(email, name).header("idempotency-key", key)).await
}

#[tokio::test]
async fn a_repetition_is_answered_with_the_first_201() -> anyhow::Result<()> {
    let (api, key, email) = (api()?, Uuid::now_v7().to_string(), address("example.com"));
    let first = post(&api, &key, &email, "Ada").await?;
    let registration = first.registration(&email)?;
    api.until_status(registration.customer_id, "onboarded").await?;
    let second = post(&api, &key, &email, "Ada").await?;
    ensure_same(&first, &second)
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() -> anyhow::Result<()> {
    let (api, key, email) = (api()?, Uuid::now_v7().to_string(), address("example.com"));
    post(&api, &key, &email, "Ada").await?.registration(&email)?;
    post(&api, &key, &email, "Eve").await?.expect_problem(422)?;
    post(&api, &key, &address("example.com"), "Ada").await?.expect_problem(422)
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() -> anyhow::Result<()> {
    let api = api()?;
    for key in ["", "with spaces", "ümlaut", &"k".repeat(256)] {
        let answer = post(&api, key, &address("example.com"), "Ada").await?;
        answer.expect_problem(400)?;
    }
    let twice = api.registering(&address("example.com"), "Ada").header("idempotency-key", "a");
    send(twice.header("idempotency-key", "b")).await?.expect_problem(400)?;
    let email = address("example.com");
    let longest = format!("{}{}", "k".repeat(255 - 36), Uuid::now_v7());
    post(&api, &longest, &email, "Ada").await?.registration(&email).map(drop)
}

#[tokio::test]
async fn a_refused_registration_does_not_use_the_key_up() -> anyhow::Result<()> {
    let (api, key, email) = (api()?, Uuid::now_v7().to_string(), address("example.com"));
    post(&api, &key, "no address", "Ada").await?.expect_problem(422)?;
    post(&api, &key, &email, "Ada").await?.registration(&email).map(drop)
}

#[tokio::test]
async fn twins_at_the_same_time_make_one_customer() -> anyhow::Result<()> {
    let (api, key, email) = (api()?, Uuid::now_v7().to_string(), address("example.com"));
    let twins: Vec<_> = (0..8)
        .map(|_| {
            let (api, key, email) = (api.clone(), key.clone(), email.clone());
            tokio::spawn(async move { post(&api, &key, &email, "Ada").await })
        })
        .collect();
    let mut answers = Vec::new();
    for twin in twins {
        answers.push(twin.await??);
    }
    answers[0].registration(&email)?;
    answers.iter().try_for_each(|answer| ensure_same(&answers[0], answer))
}

fn ensure_same(first: &Answer, second: &Answer) -> anyhow::Result<()> {
    ensure!(first.status == second.status, "{} and {}: {}", first.status, second.status, second.text);
    ensure!(first.json() == second.json(), "{}\n{}", first.text, second.text);
    for header in ["location", "x-event-id", "x-trace-id", "content-type"] {
        ensure!(first.header(header) == second.header(header), "{header}: {first:?} {second:?}");
        ensure!(!first.header(header).is_empty(), "no {header}");
    }
    Ok(())
}
