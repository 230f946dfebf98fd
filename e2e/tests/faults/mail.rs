//! What a mail server may answer, and what becomes of the customer.

use anyhow::ensure;
use e2e::{api::address, eventually::eventually};
use serde_json::Value;
use uuid::Uuid;

use super::harness::Fleet;

#[tokio::test]
async fn an_address_that_the_mail_server_refuses_ends_deactivated_with_its_points_revoked() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let domain = "refused.test";
    let email = address(domain);
    let registration = fleet.api.register(&email).await?;
    let customer = fleet.api.until_status(registration.customer_id, "deactivated").await?;
    ensure!(customer["onboarding"]["welcome_email"] == "failed", "{customer}");
    ensure!(customer["onboarding"]["onboarded_at"].is_null(), "{customer}");

    fleet.database.until_quiescent().await?;
    let ledger = fleet.api.ledger(registration.customer_id).await?;
    ensure!(ledger == [100, -100], "the ledger of {domain} is {ledger:?}");
    ensure!(fleet.api.account(registration.customer_id).await?["points"] == 0, "points are left");
    ensure!(fleet.mailbox.to(&email).await?.is_empty(), "a refused mail arrived");

    let again = fleet.api.register(&email).await?;
    ensure!(again.customer_id != registration.customer_id, "a deactivated customer holds the address");
    Ok(())
}

#[tokio::test]
async fn a_refusal_by_policy_is_the_operator_s_problem_and_deactivates_nobody() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    // A bare 550 is also what servers say to relaying, or to a sender on a block list.
    for domain in ["policy.test", "policy-rcpt.test", "bare550.test"] {
        let registration = fleet.api.register(&address(domain)).await?;
        // Reply and state are written together: once there is a verdict, it says what becomes of the mail.
        let verdict = format!(
            "SELECT state FROM email.mails WHERE event_id = '{}' AND last_reply IS NOT NULL",
            registration.event_id
        );
        let state = eventually("the mail server's verdict is kept", || async {
            let state = fleet.database.value(&verdict).await?;
            ensure!(state.is_string(), "not yet");
            Ok(state)
        })
        .await?;
        ensure!(state == "queued", "after a refusal by {domain} the mail is {state}");
        let customer = fleet.api.customer(registration.customer_id).await?;
        ensure!(customer["status"] == "registered", "{customer}");
        ensure!(customer["onboarding"]["welcome_email"] == "pending", "{customer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_busy_mail_server_is_asked_again_until_it_takes_the_mail() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let registration = fleet.api.register(&address("busy.test")).await?;
    fleet.ensure_all_onboarded(std::slice::from_ref(&registration)).await?;
    let mail = until_mail(&fleet, registration.customer_id, |mail| mail["state"] == "sent").await?;
    ensure!(mail["attempts"] == 3, "{mail}");
    Ok(())
}

/// A quoted local part (RFC 5321) and a domain in another script (IDNA): what the API takes, the mail server gets.
#[tokio::test]
async fn an_address_of_an_unusual_shape_gets_its_mail() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let unique = Uuid::now_v7().simple().to_string();
    for (email, recipient) in [
        (format!("\"ada > {unique}\"@example.com"), format!("ada > {unique}")),
        (format!("ada.{unique}@bücher.example"), format!("ada.{unique}@xn--bcher-kva.example")),
    ] {
        let registration = fleet.api.register(&email).await?;
        fleet.api.until_status(registration.customer_id, "onboarded").await?;
        let mails = fleet.mailbox.to(&recipient).await?;
        ensure!(mails.len() == 1, "{recipient}: {mails:?}");
    }
    Ok(())
}

/// How many copies a customer at `domain` has when the flow is done.
async fn copies_at(domain: &str) -> anyhow::Result<usize> {
    let mut fleet = Fleet::start().await?;
    let registration = fleet.api.register(&address(domain)).await?;
    fleet.ensure_all_onboarded(std::slice::from_ref(&registration)).await?;
    Ok(fleet.mailbox.to(&registration.email).await?.len())
}

#[tokio::test]
async fn a_mail_whose_acceptance_was_lost_goes_out_again_under_the_same_message_id() -> anyhow::Result<()> {
    let copies = copies_at("lost.test").await?;
    ensure!(copies == 2, "the server hung up once, so two copies were expected: {copies}");
    Ok(())
}

/// A server that scans what it takes needs longer than a sender in a hurry waits, and says yes all the same.
#[tokio::test]
async fn a_mail_server_that_takes_its_time_gets_each_mail_once() -> anyhow::Result<()> {
    let copies = copies_at("slow.test").await?;
    ensure!(copies == 1, "the server was slow, and one copy was expected: {copies}");
    Ok(())
}

#[tokio::test]
async fn a_mail_whose_sender_dies_before_the_answer_goes_out_again_under_the_same_message_id() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let registration = fleet.api.register(&address("hang.test")).await?;
    // The server has it and keeps quiet: this is the moment in which nobody knows.
    fleet.mailbox.first_to(&registration.email).await?;
    fleet.service("email").kill().await?;
    let waiting = fleet.api.customer(registration.customer_id).await?;
    ensure!(waiting["onboarding"]["welcome_email"] == "pending", "nobody has said yes: {waiting}");
    fleet.service("email").start()?;
    fleet.ensure_all_onboarded(std::slice::from_ref(&registration)).await?;
    let copies = fleet.mailbox.to(&registration.email).await?;
    ensure!(copies.len() == 2, "two copies were expected: {copies:?}");
    Ok(())
}

#[tokio::test]
async fn mails_wait_for_a_mail_server_that_is_away() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    fleet.sink.kill().await?;
    let registration = fleet.api.register(&address("example.com")).await?;
    until_mail(&fleet, registration.customer_id, |mail| mail["attempts"].as_i64() >= Some(2)).await?;
    fleet.sink.start()?;
    fleet.ensure_all_onboarded(std::slice::from_ref(&registration)).await
}

async fn until_mail(fleet: &Fleet, customer_id: Uuid, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    eventually("the mail is as it should be", || async {
        let mails = fleet.api.emails(customer_id).await?;
        ensure!(mails.len() == 1 && wanted(&mails[0]), "{mails:?}");
        Ok(mails[0].clone())
    })
    .await
}
