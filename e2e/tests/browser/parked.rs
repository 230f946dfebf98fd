//! Parked messages: poison is found, corrected and tried again, and what it says stays text.

use anyhow::ensure;

use super::{
    driver::Browser,
    environment::{database, page},
    stage::{Poison, REACTING, sign_in, with_browser},
};

#[tokio::test]
async fn poison_is_corrected_and_retried_and_its_flow_goes_on() -> anyhow::Result<()> {
    let poison = Poison::register(&database()?, "Ada Arabesque", "name").await?;
    with_browser(&["422"], async |browser| {
        sign_in(browser).await?;
        for service in REACTING {
            browser.find(&format!("#messages a[href='{}']", poison.link(service)), "dead").await?.click().await?;
            browser.find("#record", "missing field `name`").await?;
            correct(browser, &poison).await?;
            browser.find("#record [data-key=retry]", "Retry now").await?.click().await?;
            browser.find("#record .said", "It is handled now").await?;
            browser.find("#record .history", "edit").await?;
        }
        browser.find("#record .to-flow a", "Open its flow").await?.click().await?;
        browser.find(".verdict", "done").await.map(drop)
    })
    .await
}

/// First what is no JSON, then what is another event: each is refused with the reason, and what was typed is kept.
async fn correct(browser: &Browser, poison: &Poison) -> anyhow::Result<()> {
    browser.find("#record [data-key=edit]", "Correct it").await?.click().await?;
    let text = browser.find("#edit", "").await?;
    let corrected = poison.corrected(serde_json::from_str(&text.property("value").await?)?).to_string();
    let save = browser.find(".editor button.primary", "Save").await?;
    let other = corrected.replace("\"customer_created\"", "\"customer_removed\"");
    for (typed, reason) in [("{ not JSON", "This is not valid JSON"), (&other, "type: may not change")] {
        text.fill(typed).await?;
        save.click().await?;
        browser.find("#edit-problem", reason).await?;
        ensure!(text.property("value").await? == typed, "what was typed is gone");
    }
    text.fill(&corrected).await?;
    save.click().await?;
    browser.find("#record .said", "The correction is saved").await.map(drop)
}

#[tokio::test]
async fn a_customer_named_script_is_text_on_every_page() -> anyhow::Result<()> {
    const NAME: &str = "<script>document['title']='pwned'</script><img src=x onerror=\"document['title']='pwned'\">";
    let database = database()?;
    let poison = Poison::register(&database, NAME, "registered_at").await?;
    with_browser(&[], async |browser| {
        browser.visit(&page("/")?).await?;
        browser.find("#name", "").await?.fill(NAME).await?;
        browser.find("#register button.primary", "Register").await?.click().await?;
        browser.find("#registered .live", "done").await?;
        sign_in(browser).await?;
        browser.visit(&page(&poison.path("email"))?).await?;
        browser.find("#record .event", "<script>document['title']='pwned'</script>").await?;
        browser.find("#record [data-key=edit]", "Correct it").await?.click().await?;
        browser.find("#edit", "").await?;
        let foreign = browser.run("return document.querySelectorAll('main script, main img').length").await?;
        ensure!(foreign == 0, "the name became markup");
        ensure!(browser.run("return document.title").await? != "pwned", "a script has run");
        Ok(())
    })
    .await?;
    poison.heal(&database).await
}

#[tokio::test]
async fn a_message_is_given_up_for_a_reason_only() -> anyhow::Result<()> {
    let database = database()?;
    let poison = Poison::register(&database, "Hugo Glissade", "email").await?;
    with_browser(&[], async |browser| {
        sign_in(browser).await?;
        for service in REACTING {
            browser.find(&format!("#messages a[href='{}']", poison.link(service)), "dead").await?.click().await?;
            browser.find("#record [data-key=discard]", "Give it up").await?.click().await?;
            let confirm = browser.find("#discard button.danger", "Give it up for good").await?;
            confirm.click().await?;
            ensure!(
                browser.run("return document.getElementById('discard').open").await? == true,
                "no reason was asked for"
            );
            browser.find("#reason", "").await?.fill("nobody knows the address").await?;
            confirm.click().await?;
            browser.find("#record .condition", "discarded").await?;
            browser.find("#record .history", "nobody knows the address").await?;
        }
        Ok(())
    })
    .await?;
    poison.heal(&database).await
}

#[tokio::test]
async fn a_wrong_token_opens_nothing_and_a_right_one_can_be_forgotten() -> anyhow::Result<()> {
    with_browser(&["401"], async |browser| {
        browser.visit(&page("/parked")?).await?;
        browser.find("#sign-in h2", "Who looks after them?").await?;
        browser.find("#operator-name", "").await?.fill("browser test").await?;
        browser.find("#token", "").await?.fill("a guess").await?;
        browser.find("#sign-in button", "Open").await?.click().await?;
        browser.find("#sign-in-problem", "The token was refused").await?;
        ensure!(browser.run("return sessionStorage.length").await? == 0, "the wrong token is kept");
        sign_in(browser).await?;
        ensure!(!browser.url().await?.contains("token"), "the token is in the address");
        browser.find("#forget", "Forget").await?.click().await?;
        browser.find("#sign-in h2", "Who looks after them?").await?;
        ensure!(browser.run("return sessionStorage.length").await? == 0, "the token is kept");
        Ok(())
    })
    .await
}
