//! Everything can be done with the keyboard alone.

use anyhow::{bail, ensure};

use super::{
    driver::{Browser, ENTER, TAB},
    environment::{database, page, token},
    stage::{Poison, with_browser},
};

/// Far more than there is to pass on the way to anything.
const STOPS: usize = 80;

/// Presses Tab until the focus is on what `css` selects, and sees to it that the focus shows.
async fn tab_to(browser: &Browser, css: &str) -> anyhow::Result<()> {
    for _ in 0..STOPS {
        browser.press(TAB).await?;
        if browser.run(&format!("return document.activeElement.matches(\"{css}\")")).await? == true {
            let outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle").await?;
            ensure!(outline != "none", "the focus on {css} can't be seen");
            return Ok(());
        }
    }
    bail!("{css} was not reached with {STOPS} presses of Tab")
}

#[tokio::test]
async fn somebody_is_registered_and_the_flow_opened() -> anyhow::Result<()> {
    with_browser(&[], async |browser| {
        browser.visit(&page("/")?).await?;
        tab_to(browser, ".skip").await?;
        browser.press(ENTER).await?;
        tab_to(browser, "#name").await?;
        tab_to(browser, "#register button.primary").await?;
        browser.press(ENTER).await?;
        browser.find("#registered .live", "done").await?;
        let address = browser.find("#registered a", "open the flow").await?.property("href").await?;
        browser.find(".flow-row[data-state=done]", &address[address.len() - 12..]).await?;
        // What came in meanwhile has not taken the focus.
        let focus = browser.run("return document.activeElement.textContent.slice(0, 60)").await?;
        ensure!(focus == "Register", "the focus went to {focus}");
        tab_to(browser, "#filter button[data-state=done]").await?;
        browser.press(ENTER).await?;
        browser.find("#list .flow-row", "done").await?;
        tab_to(browser, "#list a").await?;
        browser.press(ENTER).await?;
        browser.find(".verdict", "done").await.map(drop)
    })
    .await
}

#[tokio::test]
async fn parked_messages_are_opened_and_one_is_looked_at() -> anyhow::Result<()> {
    let database = database()?;
    let poison = Poison::register(&database, "Ines Jete", "name").await?;
    with_browser(&[], async |browser| {
        browser.visit(&page("/parked")?).await?;
        browser.find("#sign-in h2", "Who").await?;
        // The page has put the focus where one begins.
        browser.type_text("browser test").await?;
        tab_to(browser, "#token").await?;
        browser.type_text(&token()?).await?;
        browser.press(ENTER).await?;
        let row = format!("#messages a[href='{}']", poison.link("loyalty"));
        browser.find(&row, "dead").await?;
        tab_to(browser, &row).await?;
        browser.press(ENTER).await?;
        browser.find("#record", "missing field").await?;
        tab_to(browser, "[data-key=edit]").await?;
        browser.press(ENTER).await?;
        browser.find("#edit", "").await?;
        let focus = browser.run("return document.activeElement.id").await?;
        ensure!(focus == "edit", "the focus is on {focus}");
        Ok(())
    })
    .await?;
    poison.heal(&database).await
}
