//! A client of the `WebDriver` protocol (<https://www.w3.org/TR/webdriver2/>): the few commands that these tests need, and
//! two of Chromium's own.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use e2e::eventually::within;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::chromium::Chromium;

/// Longer than anything takes that a page does.
const PATIENCE: Duration = Duration::from_secs(40);
/// The key under which the protocol names elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys without a character.
pub const TAB: &str = "\u{E004}";
pub const ENTER: &str = "\u{E007}";

/// A session with one window.
pub struct Browser {
    client: Client,
    session: String,
}

/// An element of the page, as it was found.
pub struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl Browser {
    /// Opens the window.
    pub async fn open(chromium: &Chromium) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().timeout(Duration::from_mins(1)).build()?;
        let driver = format!("http://127.0.0.1:{}/session", chromium.port);
        let started = ask(client.post(&driver).json(&chromium.capabilities())).await?;
        let id = started["sessionId"].as_str().context("no session")?;
        Ok(Self { client, session: format!("{driver}/{id}") })
    }

    /// Closes the window, and the browser with it.
    pub async fn close(&self) -> anyhow::Result<()> {
        ask(self.client.delete(&self.session)).await.map(drop)
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.client.request(method, format!("{}{path}", self.session));
        ask(if body.is_null() { request } else { request.json(body) }).await.with_context(|| path.to_owned())
    }

    async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, &body).await
    }

    /// Goes to a page, and waits until it is loaded.
    pub async fn visit(&self, url: &str) -> anyhow::Result<()> {
        self.post("/url", json!({ "url": url })).await.map(drop)
    }

    /// The address.
    pub async fn url(&self) -> anyhow::Result<String> {
        let url = self.send(Method::GET, "/url", &Value::Null).await?;
        Ok(url.as_str().unwrap_or_default().to_owned())
    }

    /// What a function body of JavaScript returns.
    pub async fn run(&self, script: &str) -> anyhow::Result<Value> {
        self.post("/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Presses and releases a key, wherever the focus is.
    pub async fn press(&self, key: &str) -> anyhow::Result<()> {
        let strokes = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        let actions = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] });
        self.post("/actions", actions).await.map(drop)
    }

    /// Types a text, wherever the focus is.
    pub async fn type_text(&self, text: &str) -> anyhow::Result<()> {
        for letter in text.chars() {
            self.press(&letter.to_string()).await?;
        }
        Ok(())
    }

    /// Every element that is selected by `css`.
    pub async fn all(&self, css: &str) -> anyhow::Result<Vec<Element<'_>>> {
        let found = self.post("/elements", json!({ "using": "css selector", "value": css })).await?;
        let ids = found.as_array().into_iter().flatten().filter_map(|one| one[ELEMENT].as_str());
        Ok(ids.map(|id| Element { browser: self, id: id.to_owned() }).collect())
    }

    /// Waits for the first element that is selected by `css`, and whose text has `part`.
    pub async fn find(&self, css: &str, part: &str) -> anyhow::Result<Element<'_>> {
        self.until(&format!("{css} says “{part}”"), async || {
            let mut texts = Vec::new();
            for element in self.all(css).await? {
                let text = element.text().await?;
                if text.contains(part) {
                    return Ok(element);
                }
                texts.push(text);
            }
            bail!("it says {texts:?}")
        })
        .await
    }

    /// [`eventually`](e2e::eventually::eventually), with the patience of people.
    pub async fn until<T>(&self, what: &str, probe: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
        within(PATIENCE, what, || async { probe().await }).await
    }

    /// The text that people see now of what `css` selects.
    pub async fn seen(&self, css: &str) -> anyhow::Result<String> {
        self.all(css).await?.first().with_context(|| format!("no {css}"))?.text().await
    }

    /// A window of this width, on a machine that prefers this theme.
    pub async fn emulate(&self, width: u32, height: u32, theme: &str) -> anyhow::Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &size).await?;
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
        self.devtools("Emulation.setEmulatedMedia", &media).await
    }

    /// A user who prefers reduced motion.
    pub async fn prefer_no_motion(&self) -> anyhow::Result<()> {
        let media = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
        self.devtools("Emulation.setEmulatedMedia", &media).await
    }

    async fn devtools(&self, command: &str, parameters: &Value) -> anyhow::Result<()> {
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await.map(drop)
    }

    /// What the console has said since it was asked last: errors, and violations of the page's policy.
    pub async fn console(&self) -> anyhow::Result<Vec<String>> {
        let lines = self.post("/se/log", json!({ "type": "browser" })).await?;
        let texts = lines.as_array().into_iter().flatten().filter_map(|line| line["message"].as_str());
        Ok(texts.map(ToOwned::to_owned).collect())
    }

    /// A picture of the window, as base64 of a PNG.
    pub async fn picture(&self) -> anyhow::Result<String> {
        let picture = self.send(Method::GET, "/screenshot", &Value::Null).await?;
        Ok(picture.as_str().unwrap_or_default().to_owned())
    }
}

impl Element<'_> {
    async fn do_it(&self, action: &str, body: Value) -> anyhow::Result<()> {
        self.browser.post(&format!("/element/{}/{action}", self.id), body).await.map(drop)
    }

    async fn get(&self, what: &str) -> anyhow::Result<String> {
        let path = format!("/element/{}/{what}", self.id);
        let value = self.browser.send(Method::GET, &path, &Value::Null).await?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    pub async fn click(&self) -> anyhow::Result<()> {
        self.do_it("click", json!({})).await
    }

    /// Replaces what is typed there.
    pub async fn fill(&self, text: &str) -> anyhow::Result<()> {
        self.do_it("clear", json!({})).await?;
        self.do_it("value", json!({ "text": text })).await
    }

    /// The text that people see.
    pub async fn text(&self) -> anyhow::Result<String> {
        self.get("text").await
    }

    /// A property of the element's object.
    pub async fn property(&self, name: &str) -> anyhow::Result<String> {
        self.get(&format!("property/{name}")).await
    }

    /// An attribute; empty if there is none.
    pub async fn attribute(&self, name: &str) -> anyhow::Result<String> {
        self.get(&format!("attribute/{name}")).await
    }
}

async fn ask(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let mut answer: Value = request.send().await?.json().await?;
    let value = answer["value"].take();
    ensure!(value["error"].is_null(), "{}: {}", value["error"], value["message"]);
    Ok(value)
}
