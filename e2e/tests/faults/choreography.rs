//! `fleet choreography --check` on a real broker: whatever differs is named, and nothing else.

use std::process::Stdio;

use anyhow::{Context, ensure};
use e2e::{
    broker::{Broker, publish},
    eventually::eventually,
};
use lapin::{
    BasicProperties, Channel, Consumer, ExchangeKind,
    options::{
        BasicConsumeOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::{FieldTable, ShortString},
};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::process::Command;

use super::harness::{Fleet, binary};

/// The fleet whose broker is looked at, and who breaks it.
struct Scene {
    fleet: Fleet,
    admin: Broker,
    channel: Channel,
}

impl Scene {
    async fn open() -> anyhow::Result<Self> {
        let mut fleet = Fleet::start().await?;
        fleet.flow_view.start()?;
        let admin = fleet.broker().await?;
        let channel = admin.channel().await?;
        let scene = Self { fleet, admin, channel };
        scene.until_as_declared().await?;
        Ok(scene)
    }

    /// What the check prints, and its exit code.
    async fn check(&self, changes: &[(&str, &str)]) -> anyhow::Result<(Option<i32>, String)> {
        let mut command = Command::new(binary("fleet"));
        command.args(["choreography", "--check", "--fleet-dir", "/nonexistent", "--vhost", &self.fleet.name]);
        command.env_clear().envs(self.fleet.operations_urls()).stdin(Stdio::null());
        for name in ["MANAGEMENT_URL", "MANAGEMENT_ADMIN_URL"] {
            command.env(name, self.fleet.url(name)?);
        }
        let output = command.envs(changes.iter().copied()).output().await?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8(text)?))
    }

    async fn until_as_declared(&self) -> anyhow::Result<()> {
        eventually("the fleet is as declared", || async {
            let (code, text) = self.check(&[]).await?;
            ensure!(code == Some(0) && text.starts_with("as declared: "), "{code:?}: {text}");
            Ok(())
        })
        .await
    }

    /// Waits until each of `lines`, and no other, is the beginning of a difference.
    async fn until_named(&self, lines: &[&str]) -> anyhow::Result<()> {
        eventually(&format!("{lines:?} are named"), || async {
            let (code, text) = self.check(&[]).await?;
            let named = lines.iter().all(|line| text.lines().any(|at| at.starts_with(line)));
            ensure!(code == Some(1) && named && text.lines().count() == lines.len(), "{code:?}: {text}");
            Ok(())
        })
        .await
    }

    async fn bind(&self, queue: &str, exchange: &str) -> anyhow::Result<()> {
        let (queue, exchange, key) = (queue.into(), exchange.into(), ShortString::default());
        Ok(self.channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default()).await?)
    }

    /// Consumes a queue until what it gives is dropped.
    async fn consume(&self, queue: &str) -> anyhow::Result<Consumer> {
        let (queue, tag) = (queue.into(), ShortString::default());
        Ok(self.channel.basic_consume(queue, tag, BasicConsumeOptions::default(), FieldTable::default()).await?)
    }

    /// Asks the broker's HTTP API for a change, as its administrator.
    async fn administer(&self, method: reqwest::Method, path: &[&str], body: Value) -> anyhow::Result<()> {
        let mut url = reqwest::Url::parse(self.fleet.url("MANAGEMENT_ADMIN_URL")?)?;
        url.path_segments_mut().ok().context("a URL of HTTP")?.pop_if_empty().push("api").extend(path);
        let request = Client::builder().no_proxy().build()?.request(method, url).json(&body);
        request.send().await?.error_for_status()?;
        Ok(())
    }
}

#[tokio::test]
async fn exchanges_queues_and_bindings_that_differ_are_named() -> anyhow::Result<()> {
    let scene = Scene::open().await?;

    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    scene.channel.exchange_declare("gossip".into(), ExchangeKind::Fanout, durable, FieldTable::default()).await?;
    scene.until_named(&["orphan exchange gossip: "]).await?;
    scene.channel.exchange_delete("gossip".into(), ExchangeDeleteOptions::default()).await?;

    scene.channel.queue_declare("spy".into(), QueueDeclareOptions::durable(), FieldTable::default()).await?;
    scene.bind("spy", "customer_created").await?;
    scene.until_named(&["orphan queue spy, bound to customer_created: "]).await?;
    scene.admin.delete_queue("spy").await?;

    scene.bind("email", "status_points_added").await?;
    scene.until_named(&["extra binding of queue email to exchange status_points_added: "]).await?;
    scene.admin.unbind("email", "status_points_added").await?;

    // A service would bind its own queue again within a minute, its history only when it connects again.
    scene.admin.unbind("customer.history", "customer_created").await?;
    scene.until_named(&["missing binding of queue customer.history to exchange customer_created: "]).await?;
    scene.bind("customer.history", "customer_created").await?;
    scene.until_as_declared().await?;

    let policy = json!({ "pattern": "^loyalty$", "definition": { "max-length": 1_000_000 }, "apply-to": "queues" });
    let path = ["policies", &scene.fleet.name, "everything"];
    scene.administer(reqwest::Method::PUT, &path, policy).await?;
    scene.until_named(&["policy everything sets max-length of queue loyalty to 1000000: "]).await?;
    scene.administer(reqwest::Method::DELETE, &path, json!({})).await?;
    scene.until_as_declared().await
}

#[tokio::test]
async fn whoever_consumes_or_writes_and_should_not_is_named() -> anyhow::Result<()> {
    let scene = Scene::open().await?;

    let stranger = scene.consume("loyalty").await?;
    scene.until_named(&["undeclared consumer: user admin consumes queue loyalty, "]).await?;
    drop(stranger);
    scene.until_as_declared().await?;

    // Nobody reacts to this event but who looks on.
    let writing = scene.admin.channel().await?;
    publish(&writing, "customer_onboarded", "", b"{}", BasicProperties::default()).await?;
    scene.until_named(&["second writer: user admin publishes to exchange customer_onboarded, "]).await?;
    writing.close(200, "bye".into()).await?;
    scene.until_as_declared().await?;

    let (put, delete) = (reqwest::Method::PUT, reqwest::Method::DELETE);
    let user = format!("guest-{}", scene.fleet.name);
    scene.administer(put.clone(), &["users", &user], json!({ "password": "guest", "tags": "" })).await?;
    let rights = json!({ "configure": "", "write": "^customer_created$", "read": "" });
    scene.administer(put, &["permissions", &scene.fleet.name, &user], rights).await?;
    let line = format!("second writer: user {user} has the right to write exchanges of others (customer_created): ");
    scene.until_named(&[&line]).await?;
    scene.administer(delete, &["users", &user], json!({})).await?;
    scene.until_as_declared().await
}

#[tokio::test]
async fn what_could_not_be_asked_is_neither_agreement_nor_difference() -> anyhow::Result<()> {
    let mut scene = Scene::open().await?;
    let url = scene.fleet.url("MANAGEMENT_URL")?.to_owned();

    // Without an administrator nobody knows the rights, and that is said.
    let (code, text) = scene.check(&[("MANAGEMENT_ADMIN_URL", "")]).await?;
    ensure!(code == Some(0) && text.contains("MANAGEMENT_ADMIN_URL"), "{code:?}: {text}");

    let (_, server) = url.split_once('@').context("a URL with a user")?;
    let wrong = format!("http://monitor:mistaken@{server}");
    for broken in [wrong.as_str(), "http://monitor:mistaken@127.0.0.1:1", "mistaken"] {
        let (code, text) = scene.check(&[("MANAGEMENT_URL", broken)]).await?;
        ensure!(code == Some(2) && !text.contains("mistaken"), "{code:?}: {text}");
    }

    scene.fleet.service("loyalty").kill().await?;
    let (code, text) = scene.check(&[]).await?;
    ensure!(code == Some(2) && text.contains("loyalty: can't reach "), "{code:?}: {text}");
    Ok(())
}
