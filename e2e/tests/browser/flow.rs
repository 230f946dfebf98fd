//! The page of one flow.

use anyhow::ensure;

use super::{
    environment::{api, page},
    stage::with_browser,
};

const ONBOARDED: [&str; 4] = ["customer_created", "welcome_email_sent", "status_points_added", "customer_onboarded"];

#[tokio::test]
async fn a_finished_flow_has_its_tree_its_times_its_ids_and_its_links() -> anyhow::Result<()> {
    let api = api()?;
    let registration = api.register(&e2e::api::address("example.com")).await?;
    api.until_status(registration.customer_id, "onboarded").await?;
    with_browser(&[], async |browser| {
        browser.visit(&page(&format!("/flow?id={}", registration.customer_id))?).await?;
        browser.find(".verdict", "done").await?;
        for event in ONBOARDED {
            browser.find(".tree .what", event).await?;
            browser.find(".waterfall .label", event).await?;
        }
        ensure!(browser.all(".tree .node").await?.len() == ONBOARDED.len(), "there are other events");
        ensure!(browser.all(".step.is-open, .step.is-overdue").await?.is_empty(), "a step is missing");
        for id in [registration.event_id.to_string(), registration.customer_id.to_string(), registration.trace_id] {
            browser.find(".ids", &id).await?;
        }
        browser.find(".elsewhere", &format!("fleet follow {}", registration.event_id)).await?;
        browser.find(".elsewhere a", "The mailbox").await.map(drop)
    })
    .await
}

#[tokio::test]
async fn exact_times_are_shown_to_the_mouse_and_to_the_keyboard() -> anyhow::Result<()> {
    let api = api()?;
    let registration = api.register(&e2e::api::address("example.com")).await?;
    with_browser(&[], async |browser| {
        browser.visit(&page(&format!("/flow?id={}", registration.event_id))?).await?;
        browser.find(".verdict", "done").await?;
        let bar = "document.querySelectorAll('.waterfall .bar')[1]";
        let hidden = browser.run(&format!("return getComputedStyle({bar}.firstChild).display")).await?;
        ensure!(hidden == "none", "the times are shown before they are asked for");
        browser.run(&format!("{bar}.focus()")).await?;
        browser.find(".waterfall .tip", "after customer_created").await.map(drop)
    })
    .await
}

#[tokio::test]
async fn an_id_is_copied_and_the_page_says_so() -> anyhow::Result<()> {
    let registration = api()?.register(&e2e::api::address("example.com")).await?;
    with_browser(&[], async |browser| {
        browser.visit(&page(&format!("/flow?id={}", registration.event_id))?).await?;
        browser.find(".ids .copy", "Copy").await?.click().await?;
        browser.find(".ids .copy", "Copied").await.map(drop)
    })
    .await
}

#[tokio::test]
async fn an_unknown_id_is_said_to_be_unknown() -> anyhow::Result<()> {
    with_browser(&["404"], async |browser| {
        browser.visit(&page("/")?).await?;
        browser.find("#search", "").await?.fill("<script>alert(1)</script>").await?;
        browser.find(".search button", "Find").await?.click().await?;
        browser.find("h1", "No such flow").await?;
        browser.find(".empty", "<script>alert(1)</script>").await.map(drop)
    })
    .await
}
