//! Pictures of every page, for people to look at: in both themes, on a desk and on a phone. `PICTURES_DIR` says where they
//! go; without it none are taken.

use std::{fs, path::Path};

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use e2e::api::address;

use super::{
    driver::Browser,
    environment::{api, database, page, pictures},
    stage::{Poison, sign_in, with_browser},
};

const WINDOWS: [(&str, u32, u32); 2] = [("desk", 1280, 900), ("phone", 360, 740)];
/// Of the long pages, the beginning.
const TALLEST: u64 = 2600;

#[tokio::test]
async fn every_page_is_pictured() -> anyhow::Result<()> {
    let Some(folder) = pictures() else { return Ok(()) };
    fs::create_dir_all(&folder)?;
    let flows = [page_of(&address("example.com")).await?, page_of(&address("refused.test")).await?];
    let database = database()?;
    let poison = Poison::register(&database, "Nuno <script>alert(1)</script>", "registered_at").await?;
    with_browser(&[], async |browser| {
        let message = poison.path("email");
        let pages = [
            ("live", "/", ".flow-row"),
            ("flow", &flows[0], ".verdict .is-done"),
            ("compensated", &flows[1], ".verdict .is-compensated"),
            ("sign-in", "/parked", "#sign-in"),
            ("parked", &message, "#record h2"),
        ];
        for theme in ["light", "dark"] {
            for (window, width, height) in WINDOWS {
                for (name, path, there) in pages {
                    browser.emulate(width, height, theme).await?;
                    browser.visit(&page(path)?).await?;
                    if name == "parked" {
                        sign_in(browser).await?;
                        browser.visit(&page(path)?).await?;
                    }
                    browser.find(there, "").await?;
                    take(browser, width, theme, &folder.join(format!("{name}-{window}-{theme}.png"))).await?;
                }
                browser.run("sessionStorage.clear()").await?;
            }
        }
        Ok(())
    })
    .await?;
    poison.heal(&database).await
}

/// The page of a new flow that has ended.
async fn page_of(address: &str) -> anyhow::Result<String> {
    Ok(format!("/flow?id={}", api()?.register(address).await?.event_id))
}

/// The whole page, as it is when all that fades in is there.
async fn take(browser: &Browser, width: u32, theme: &str, file: &Path) -> anyhow::Result<()> {
    let height = browser.run("return document.documentElement.scrollHeight").await?;
    let height = height.as_u64().context("no height")?.min(TALLEST);
    browser.emulate(width, u32::try_from(height)?, theme).await?;
    browser.run("document.getAnimations().filter(one => one.effect.getTiming().iterations === 1).forEach(one => one.finish())").await?;
    let picture = BASE64_STANDARD.decode(browser.picture().await?)?;
    fs::write(file, picture).with_context(|| format!("can't write {}", file.display()))
}
