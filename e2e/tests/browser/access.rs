//! Landmarks, headings, names and contrast, on every page in both themes.

use anyhow::ensure;

use super::{
    environment::{api, database, page},
    stage::{Poison, sign_in, with_browser},
};

/// What a page does wrong.
const CHECK: &str = include_str!("access.js");

#[tokio::test]
async fn every_page_is_marked_up_and_readable() -> anyhow::Result<()> {
    let registration = api()?.register(&e2e::api::address("example.com")).await?;
    let database = database()?;
    let poison = Poison::register(&database, "Juri Releve", "name").await?;
    with_browser(&[], async |browser| {
        let message = poison.path("email");
        let flow = format!("/flow?id={}", registration.event_id);
        let pages =
            [("/", ".flow-row"), (&flow, ".verdict .is-done"), ("/parked", "#messages li"), (&message, "#record h2")];
        sign_in(browser).await?;
        for theme in ["light", "dark"] {
            browser.emulate(1280, 900, theme).await?;
            for (path, there) in pages {
                browser.visit(&page(path)?).await?;
                browser.find(there, "").await?;
                // Rows fade in.
                browser
                    .until("nothing is wrong with the page", async || {
                        let wrong = browser.run(CHECK).await?;
                        ensure!(wrong.as_array().is_some_and(Vec::is_empty), "{path}, {theme}: {wrong:#}");
                        Ok(())
                    })
                    .await?;
            }
        }
        Ok(())
    })
    .await?;
    poison.heal(&database).await
}
