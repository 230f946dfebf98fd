//! A registration from its POST to its last effect.

use anyhow::{Context, ensure};
use e2e::{
    api::{address, send},
    eventually::eventually,
};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::environment::{api, mailbox, until_settled};

#[tokio::test]
async fn a_registration_ends_onboarded_with_points_and_one_mail() -> anyhow::Result<()> {
    let (api, mailbox, email) = (api()?, mailbox()?, address("example.com"));
    let answer = send(api.registering(&email, "<b>Ada</b>")).await?;
    let registration = answer.registration(&email)?;
    let created = answer.json();
    ensure!(created["status"] == "registered" && created["email"] == email.as_str(), "{created}");
    ensure!(created["name"] == "<b>Ada</b>", "{created}");
    ensure!(created["onboarding"]["welcome_email"] == "pending", "{created}");
    ensure!(created["onboarding"]["status_points"] == "pending", "{created}");
    ensure!(answer.header("location") == format!("/customers/{}", registration.customer_id), "{answer:?}");
    ensure!(registration.event_id.get_version_num() == 7, "{registration:?}");
    ensure!(is_trace_id(&registration.trace_id), "{registration:?}");

    let customer = api.until_status(registration.customer_id, "onboarded").await?;
    ensure!(customer["onboarding"]["welcome_email"] == "sent", "{customer}");
    ensure!(customer["onboarding"]["status_points"] == 100, "{customer}");
    ensure!(customer["onboarding"]["onboarded_at"].is_string(), "{customer}");

    let account = api.account(registration.customer_id).await?;
    ensure!(account["points"] == 100, "{account}");
    ensure!(api.ledger(registration.customer_id).await? == [100], "{account}");
    ensure!(account["ledger"][0]["reason"] == "joining", "{account}");
    ensure!(account["ledger"][0]["event_id"] == json!(registration.event_id), "{account}");

    let mails = mailbox.to(&email).await?;
    ensure!(mails.len() == 1, "{mails:?}");
    ensure!(mails[0].message_id.contains(&registration.event_id.to_string()), "{mails:?}");
    let shown = api.emails(registration.customer_id).await?;
    ensure!(shown.len() == 1 && shown[0]["state"] == "sent", "{shown:?}");
    ensure!(shown[0]["message_id"] == mails[0].message_id.as_str(), "{shown:?}");
    Ok(())
}

/// 32 lower-case hex digits, not all zero.
fn is_trace_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) && id.bytes().any(|b| b != b'0')
}

#[tokio::test]
async fn the_mail_has_text_and_html_and_shows_a_name_as_it_was_written() -> anyhow::Result<()> {
    let (api, mailbox, email) = (api()?, mailbox()?, address("example.com"));
    send(api.registering(&email, "<b>Ada</b> & Ève")).await?.registration(&email)?;
    let mail = mailbox.first_to(&email).await?;
    ensure!(!mail.subject.is_empty(), "{mail:?}");
    ensure!(mail.to.len() == 1 && mail.to[0].address == email, "{mail:?}");
    ensure!(mail.to[0].name.as_ref().is_none_or(|name| name == "<b>Ada</b> & Ève"), "{mail:?}");

    let raw = mailbox.raw(&mail).await?;
    ensure!(raw.to_lowercase().contains("content-type: multipart/alternative"), "{raw}");
    let texts = mailbox.texts(&mail).await?;
    ensure!(texts.text.contains("<b>Ada</b> & Ève"), "{}", texts.text);
    ensure!(!texts.html.contains("<b>Ada"), "unescaped: {}", texts.html);
    ensure!(texts.html.contains("&lt;b&gt;Ada"), "{}", texts.html);
    ensure!(texts.html.contains("&amp; Ève"), "{}", texts.html);
    Ok(())
}

#[tokio::test]
async fn an_address_that_the_mail_server_refuses_is_deactivated_and_free_again() -> anyhow::Result<()> {
    let (api, mailbox, email) = (api()?, mailbox()?, address("refused.test"));
    let registration = api.register(&email).await?;
    let customer = until_settled(&api, registration.customer_id).await?;
    ensure!(customer["status"] == "deactivated", "{customer}");
    ensure!(customer["onboarding"]["welcome_email"] == "failed", "{customer}");
    ensure!(customer["onboarding"]["onboarded_at"].is_null(), "{customer}");
    eventually("the points are revoked", || async {
        let ledger = api.ledger(registration.customer_id).await?;
        ensure!(ledger.len() == 2 && ledger.iter().sum::<i64>() == 0, "{ledger:?}");
        Ok(())
    })
    .await?;
    ensure!(api.account(registration.customer_id).await?["points"] == 0, "points are left");
    ensure!(mailbox.to(&email).await?.is_empty(), "a refused mail arrived");

    let again = api.register(&email).await?;
    ensure!(again.customer_id != registration.customer_id, "the same customer again");
    Ok(())
}

#[tokio::test]
async fn an_address_is_taken_whatever_its_case() -> anyhow::Result<()> {
    let (api, email) = (api()?, address("example.com"));
    api.register(&email).await?;
    for same in [email.clone(), email.to_uppercase()] {
        let answer = send(api.registering(&same, "Eve")).await?;
        answer.expect_problem(409)?;
        ensure!(answer.bad_fields() == ["email"], "{}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_caller_s_trace_goes_on_in_the_fleet() -> anyhow::Result<()> {
    let api = api()?;
    let (trace, span) = (Uuid::now_v7().simple().to_string(), &Uuid::now_v7().simple().to_string()[..16]);
    for (header, value) in
        [("traceparent", format!("00-{trace}-{span}-01")), ("uber-trace-id", format!("{trace}:{span}:0:1"))]
    {
        let email = address("example.com");
        let answer = send(api.registering(&email, "Ada").header(header, value)).await?;
        ensure!(answer.registration(&email)?.trace_id == trace, "{header}: {}", answer.header("x-trace-id"));
    }
    Ok(())
}

#[tokio::test]
async fn a_customer_is_found_where_location_says() -> anyhow::Result<()> {
    let (api, email) = (api()?, address("example.com"));
    let answer = send(api.registering(&email, "Ada Lovelace")).await?;
    let body = answer.json();
    let token = body["access_token"].as_str().context("no access_token")?;
    let found = send(api.request(Method::GET, answer.header("location")).bearer_auth(token)).await?;
    ensure!(found.status == 200, "{found:?}");
    for field in ["id", "email", "name", "registered_at"] {
        let (posted, found) = (&answer.json()[field], &found.json()[field]);
        ensure!(posted == found && !found.is_null(), "{field}: {posted} and {found}");
    }
    found.json()["id"].as_str().context("an id").map(drop)
}
