//! Themes, and narrow screens.

use anyhow::ensure;

use super::{
    environment::{api, database, page},
    stage::{Poison, sign_in, with_browser},
};

const PAPER: &str = "return getComputedStyle(document.body).backgroundColor";

#[tokio::test]
async fn nothing_is_wider_than_a_phone() -> anyhow::Result<()> {
    let registration = api()?.register(&e2e::api::address("refused.test")).await?;
    let database = database()?;
    let poison = Poison::register(&database, "Kaya Fouette", "name").await?;
    with_browser(&[], async |browser| {
        browser.emulate(360, 740, "light").await?;
        sign_in(browser).await?;
        let message = poison.path("loyalty");
        let flow = format!("/flow?id={}", registration.event_id);
        for (path, there) in [("/", ".flow-row"), (&flow, ".verdict .is-compensated"), (&message, "#record h2")] {
            browser.visit(&page(path)?).await?;
            browser.find(there, "").await?;
            let width = browser.run("return document.documentElement.scrollWidth").await?;
            ensure!(width == 360, "{path} is {width} pixels wide");
        }
        browser.find("#record [data-key=edit]", "Correct it").await?.click().await?;
        let width = browser.run("return document.documentElement.scrollWidth").await?;
        ensure!(width == 360, "the editor is {width} pixels wide");
        Ok(())
    })
    .await?;
    poison.heal(&database).await
}

#[tokio::test]
async fn the_theme_is_the_systems_until_another_is_chosen_which_stays() -> anyhow::Result<()> {
    with_browser(&[], async |browser| {
        browser.emulate(1280, 900, "light").await?;
        browser.visit(&page("/")?).await?;
        let light = browser.run(PAPER).await?;
        browser.emulate(1280, 900, "dark").await?;
        let dark = browser.run(PAPER).await?;
        ensure!(light != dark, "both themes are {light}");
        browser.find("#theme", "system").await?.click().await?;
        browser.find("#theme", "light").await?;
        ensure!(browser.run(PAPER).await? == light, "the chosen theme is not shown");
        browser.visit(&page("/parked")?).await?;
        browser.find("#theme", "light").await?;
        ensure!(browser.run(PAPER).await? == light, "the choice is forgotten");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn whoever_wants_no_motion_sees_none() -> anyhow::Result<()> {
    api()?.register(&e2e::api::address("example.com")).await?;
    with_browser(&[], async |browser| {
        const MOVING: &str = "return [...document.querySelectorAll('.flow-row')]
            .filter(row => getComputedStyle(row).animationName !== 'none').length";
        browser.visit(&page("/")?).await?;
        browser.find(".flow-row", "").await?;
        ensure!(browser.run(MOVING).await? != 0, "nothing moves even without the wish");
        browser.prefer_no_motion().await?;
        browser.visit(&page("/")?).await?;
        browser.find(".flow-row", "").await?;
        let moving = browser.run(MOVING).await?;
        ensure!(moving == 0, "{moving} rows move");
        Ok(())
    })
    .await
}
