//! A browser for one test, and what several tests do with it.

use anyhow::{Context, ensure};
use client::{Service, parked};
use e2e::{database::Database, eventually::eventually};
use serde_json::{Value, json};
use tokio::sync::RwLock;
use uuid::Uuid;

use super::{
    chromium::Chromium,
    driver::Browser,
    environment::{api, page, token},
};

/// Whoever kills the view has it alone.
static VIEW: RwLock<()> = RwLock::const_new(());

/// Gives `test` a browser that is gone afterwards, however it ends. Then the console must have been silent, but for lines
/// that have one of `expected` in them: the browser notes each answer with an error status there.
pub async fn with_browser(
    expected: &[&str],
    test: impl AsyncFnOnce(&Browser) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let _others = VIEW.read().await;
    stage(expected, test).await
}

/// [`with_browser`], while no other test looks at the view.
pub async fn alone_with_browser(
    expected: &[&str],
    test: impl AsyncFnOnce(&Browser) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let _nobody = VIEW.write().await;
    stage(expected, test).await
}

async fn stage(expected: &[&str], test: impl AsyncFnOnce(&Browser) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let chromium = Chromium::start().await?;
    let browser = Browser::open(&chromium).await?;
    browser.emulate(1280, 900, "light").await?;
    let outcome = test(&browser).await;
    let lines = browser.console().await;
    let closed = browser.close().await;
    chromium.stop().await?;
    outcome.with_context(|| format!("the console: {lines:?}"))?;
    let mut lines = lines?;
    lines.retain(|line| !expected.iter().any(|part| line.contains(part)));
    ensure!(lines.is_empty(), "the console is not silent: {lines:#?}");
    closed
}

/// Opens the parked messages as an operator.
pub async fn sign_in(browser: &Browser) -> anyhow::Result<()> {
    browser.visit(&page("/parked")?).await?;
    browser.find("#sign-in h2", "Who looks after them?").await?;
    browser.find("#operator-name", "").await?.fill("browser test").await?;
    browser.find("#token", "").await?.fill(&token()?).await?;
    browser.find("#sign-in button", "Open").await?.click().await?;
    browser.find("#operator", "browser test").await.map(drop)
}

/// Both services that react to `customer_created`.
pub const REACTING: [&str; 2] = ["email", "loyalty"];

/// A customer whose `customer_created` nobody can handle, as it lacks a field.
pub struct Poison {
    /// Of the event, and of the flow.
    pub event_id: Uuid,
    customer: Uuid,
    missing: &'static str,
    value: Value,
}

impl Poison {
    /// Commits what a registration of `name` commits, but for one field of the event.
    pub async fn register(database: &Database, name: &str, missing: &'static str) -> anyhow::Result<Self> {
        let (event_id, customer) = (Uuid::now_v7(), Uuid::now_v7());
        let email = format!("{}@example.com", customer.simple());
        let mut data = json!({ "customer_id": customer, "email": email, "name": name,
                               "registered_at": e2e::now() });
        let value = data.as_object_mut().and_then(|data| data.remove(missing)).context("no such field")?;
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let (name, data) = (quoted(name), quoted(&data.to_string()));
        let sql = format!(
            "BEGIN;
             INSERT INTO customer.customers (id, email, name, status, registered_at, welcome_email)
             VALUES ('{customer}', '{email}', {name}, 'registered', now(), 'pending');
             INSERT INTO customer.outbox (event_id, event_type, version, subject, correlation_id, recorded_at, data)
             VALUES ('{event_id}', 'customer_created', 1, '{customer}', '{event_id}', now(), {data});
             COMMIT"
        );
        database.execute(&sql).await?;
        Ok(Self { event_id, customer, missing, value })
    }

    /// The event as it should have been.
    pub fn corrected(&self, mut event: Value) -> Value {
        event["data"][self.missing] = self.value.clone();
        event
    }

    /// Leaves no incomplete flow behind, not even where the message was given up: others count what they find.
    pub async fn heal(&self, database: &Database) -> anyhow::Result<()> {
        let (api, id) = (api()?, self.event_id);
        let operations = api.operations(&token()?)?;
        for service in REACTING {
            let again = "SET state = 'dead', resolved_at = NULL WHERE state = 'discarded'";
            database.execute(&format!("UPDATE {service}.parked {again} AND event_id = '{id}'")).await?;
            let service = Service::named(service)?;
            let event = eventually("the poison is parked", || async {
                let records = parked::find(&operations, id, Some(service)).await?;
                Ok(parked::the_one(records)?.context("not yet")?.what.event)
            });
            let corrected = self.corrected(event.await?).to_string();
            parked::edit(&operations, service, id, corrected).await?;
            parked::retry(&operations, service, id).await?;
        }
        api.until_status(self.customer, "onboarded").await.map(drop)
    }

    /// Where the page shows what a service has parked.
    pub fn path(&self, service: &str) -> String {
        format!("/{}", self.link(service))
    }

    /// How pages link there.
    pub fn link(&self, service: &str) -> String {
        format!("parked?service={service}&message={}", self.event_id)
    }
}
