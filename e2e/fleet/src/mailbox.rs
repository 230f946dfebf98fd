//! The mailbox, through Mailpit's API: the mail sink's in a native fleet, Mailpit's own with Docker.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, ensure};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::eventually::eventually;

/// A page that holds every mail of a test.
const ALL: u32 = 100_000;

/// Where mails arrive.
#[derive(Clone, Debug)]
pub struct Mailbox {
    client: reqwest::Client,
    url: String,
}

/// A mail in a list.
#[derive(Clone, Debug, Deserialize)]
pub struct Mail {
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(rename = "MessageID")]
    pub message_id: String,
    #[serde(rename = "To")]
    pub to: Vec<Recipient>,
    #[serde(rename = "Subject")]
    pub subject: String,
}

/// Whom a mail names.
#[derive(Clone, Debug, Deserialize)]
pub struct Recipient {
    #[serde(rename = "Name")]
    pub name: Option<String>,
    #[serde(rename = "Address")]
    pub address: String,
}

/// The texts of a mail.
#[derive(Clone, Debug, Deserialize)]
pub struct Texts {
    #[serde(rename = "Text")]
    pub text: String,
    #[serde(rename = "HTML")]
    pub html: String,
}

#[derive(Deserialize)]
struct Listing {
    messages: Vec<Mail>,
}

impl Mailbox {
    /// The mailbox at `url`.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self { client: reqwest::Client::builder().no_proxy().build()?, url: url.to_owned() })
    }

    /// The mails to `address`. Copies of one mail are as many as arrived.
    pub async fn to(&self, address: &str) -> anyhow::Result<Vec<Mail>> {
        self.list("search", &[("query", &format!("to:\"{address}\"")), ("limit", "1000")]).await
    }

    /// Waits for the first mail to `address`.
    pub async fn first_to(&self, address: &str) -> anyhow::Result<Mail> {
        eventually("a mail arrives", || async {
            self.to(address).await?.into_iter().next_back().context("the mailbox has none to this address")
        })
        .await
    }

    /// Every address with the distinct Message-IDs of its mails: what counts as one mail, however often it came.
    pub async fn by_address(&self) -> anyhow::Result<HashMap<String, BTreeSet<String>>> {
        let mut found = HashMap::<_, BTreeSet<_>>::new();
        for mail in self.all().await? {
            for to in &mail.to {
                found.entry(to.address.clone()).or_default().insert(mail.message_id.clone());
            }
        }
        Ok(found)
    }

    /// Every mail that there is.
    pub async fn all(&self) -> anyhow::Result<Vec<Mail>> {
        self.list("messages", &[("limit", &ALL.to_string())]).await
    }

    /// Takes SMTP away, or brings it back. Nobody listens to the mail sink then; Mailpit puts every mail off.
    pub async fn away(&self, away: bool) -> anyhow::Result<()> {
        let mut answer = self.client.put(format!("{}/away", self.url)).json(&away).send().await?;
        if [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&answer.status()) {
            let chaos = json!({ "Sender": { "ErrorCode": 451, "Probability": if away { 100 } else { 0 } } });
            answer = self.client.put(format!("{}/api/v1/chaos", self.url)).json(&chaos).send().await?;
        }
        ensure!(answer.status().is_success(), "the mail server cannot be taken away: {}", answer.status());
        Ok(())
    }

    /// The texts of a mail.
    pub async fn texts(&self, mail: &Mail) -> anyhow::Result<Texts> {
        let url = format!("{}/api/v1/message/{}", self.url, mail.id);
        Ok(self.client.get(url).send().await?.error_for_status()?.json().await?)
    }

    /// A mail as it came.
    pub async fn raw(&self, mail: &Mail) -> anyhow::Result<String> {
        let url = format!("{}/api/v1/message/{}/raw", self.url, mail.id);
        Ok(self.client.get(url).send().await?.error_for_status()?.text().await?)
    }

    async fn list(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Vec<Mail>> {
        let request = self.client.get(format!("{}/api/v1/{path}", self.url)).query(query);
        let answer = request.send().await?;
        ensure!(answer.status().is_success(), "the mailbox answers {}", answer.status());
        Ok(answer.json::<Listing>().await?.messages)
    }
}
