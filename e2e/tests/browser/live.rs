//! The live page: a newcomer registers somebody and sees the flow run.

use std::collections::HashSet;

use anyhow::ensure;

use super::{environment::page, stage::with_browser};

#[tokio::test]
async fn a_registration_is_seen_to_its_end_and_opened() -> anyhow::Result<()> {
    with_browser(&[], async |browser| {
        browser.visit(&page("/")?).await?;
        browser.find("#register button.primary", "Register").await?.click().await?;
        browser.find("#registered .live", "done").await?;
        let link = browser.find("#registered a", "open the flow").await?;
        let address = link.property("href").await?;
        let end = &address[address.len() - 12..];
        browser.find("#list .flow-row[data-state=done]", end).await?;
        link.click().await?;
        browser.find("h1", end).await?;
        browser.find(".verdict", "done").await.map(drop)
    })
    .await
}

#[tokio::test]
async fn a_refused_address_is_seen_to_be_undone() -> anyhow::Result<()> {
    with_browser(&[], async |browser| {
        browser.visit(&page("/")?).await?;
        browser.find("#email", "").await?.fill(&e2e::api::address("refused.test")).await?;
        browser.find("#register button.primary", "Register").await?.click().await?;
        browser.find("#registered .live", "compensated").await?;
        browser.find("#filter button", "Compensated").await?.click().await?;
        let rows = browser.until("only compensated flows are listed", async || {
            let states =
                browser.run("return [...document.querySelectorAll('.flow-row')].map(row => row.dataset.state)").await?;
            let states: Vec<String> = serde_json::from_value(states)?;
            ensure!(!states.is_empty() && states.iter().all(|state| state == "compensated"), "{states:?}");
            Ok(states.len())
        });
        rows.await.map(drop)
    })
    .await
}

#[tokio::test]
async fn what_is_wrong_with_a_registration_is_said_beside_the_field() -> anyhow::Result<()> {
    with_browser(&["422", "409"], async |browser| {
        browser.visit(&page("/")?).await?;
        let email = browser.find("#email", "").await?;
        email.fill("no address").await?;
        let register = browser.find("#register button.primary", "Register").await?;
        register.click().await?;
        browser.find("#email-problem", " ").await?;
        ensure!(email.attribute("aria-invalid").await? == "true", "the field is not marked");
        ensure!(browser.run("return document.activeElement.id").await? == "email", "the focus is elsewhere");
        ensure!(email.property("value").await? == "no address", "what was typed is gone");
        let address = e2e::api::address("example.com");
        for problem in ["", "taken"] {
            email.fill(&address).await?;
            register.click().await?;
            browser.find(if problem.is_empty() { "#registered .live" } else { "#email-problem" }, problem).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_map_shows_every_service_ready_and_what_flows() -> anyhow::Result<()> {
    with_browser(&[], async |browser| {
        browser.visit(&page("/")?).await?;
        browser.find("#register button.primary", "Register").await?.click().await?;
        let mut marks = HashSet::new();
        for service in e2e::services() {
            let card = format!(".service-card[data-service={service}]");
            browser.find(&card, "ready").await?;
            let mark = format!(
                "const mark = document.querySelector('{card} .mark'); \
                return mark.getAttribute('d') + getComputedStyle(mark).fill"
            );
            ensure!(marks.insert(browser.run(&mark).await?), "{service} has the mark of another: {marks:?}");
        }
        for (event, ..) in e2e::events() {
            browser.find(".score .pill", event).await?;
        }
        browser
            .until("the rates count the registration", async || {
                let rate =
                    browser.run("return document.querySelector('.score [data-rate=customer_onboarded]').textContent");
                let rate = rate.await?;
                ensure!(rate.as_str().is_some_and(|rate| !rate.starts_with(['0', '–'])), "{rate}");
                Ok(())
            })
            .await
    })
    .await
}
