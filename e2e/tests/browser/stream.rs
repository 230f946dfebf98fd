//! The stream: it breaks when the view is restarted, says so, and goes on by itself with what was missed.

use anyhow::ensure;

use super::{
    environment::{api, kill, page},
    stage::alone_with_browser,
};

#[tokio::test]
async fn the_live_page_survives_a_restart_of_the_view() -> anyhow::Result<()> {
    alone_with_browser(&["ERR_", "503"], async |browser| {
        let api = api()?;
        browser.visit(&page("/")?).await?;
        browser.find("#map .service-card", "ready").await?;
        browser.run("document.body.dataset.before = 'the restart'").await?;
        kill("flow_view")?;
        browser.find("#connection", "Not connected").await?;
        let missed = api.register(&e2e::api::address("example.com")).await?;
        api.until_status(missed.customer_id, "onboarded").await?;
        browser
            .until("the banner is gone", async || {
                ensure!(browser.seen("#connection").await?.is_empty(), "it is still there");
                Ok(())
            })
            .await?;
        for id in [missed, api.register(&e2e::api::address("example.com")).await?].map(|one| one.event_id.to_string()) {
            browser.find(".flow-row", &id[id.len() - 12..]).await?;
        }
        let same = browser.run("return document.body.dataset.before").await?;
        ensure!(same == "the restart", "the page was loaded anew");
        Ok(())
    })
    .await
}
