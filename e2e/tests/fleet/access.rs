//! What is open to whom.

use anyhow::{Context, ensure};
use e2e::api::{Answer, Api, address, send};
use reqwest::Method;

use super::environment::api;

/// A page whose own name points at a port of ours (DNS rebinding) learns nothing by any of them.
#[tokio::test]
async fn no_port_answers_to_a_name_that_is_not_ours() -> anyhow::Result<()> {
    let api = api()?;
    for service in e2e::services() {
        let urls = api.urls(service);
        for path in ["/", "/docs/", "/openapi.json", "/customers", "/flows", "/flows/stream", "/no/such/path"] {
            refused(&format!("{}{path}", urls.http)).await?;
        }
        for path in ["/health/ready", "/metrics", "/inbox", "/topology", "/openapi.json", "/admin/parked"] {
            refused(&format!("{}{path}", urls.ops)).await?;
        }
        // A probe knows a container by its address only.
        let probe = reqwest::Client::builder().no_proxy().build()?.get(format!("{}/health/live", urls.ops));
        let answer = send(probe.header("host", "10.244.0.17:9080")).await?;
        ensure!(answer.status == 200, "{service}: {answer:?}");
    }
    Ok(())
}

async fn refused(url: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"] {
        send(client.get(url).header("host", host))
            .await?
            .expect_problem(421)
            .with_context(|| format!("{host}: {url}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn name_and_address_are_for_who_registered_them() -> anyhow::Result<()> {
    let (api, email) = (api()?, address("example.com"));
    let answer = send(api.registering(&email, "Unmistakable")).await?;
    let (id, token) = (answer.registration(&email)?.customer_id, answer.json()["access_token"].take());
    let token = token.as_str().context("no access_token")?;
    let path = format!("/customers/{id}");
    let open = send(api.request(Method::GET, &path)).await?;
    ensure!(open.status == 200 && open.json()["status"].is_string(), "{open:?}");
    ensure!(!open.text.contains("Unmistakable") && !open.text.contains(&email), "{open:?}");
    let whole = bearing(&api, &path, token).await?;
    ensure!(whole.json()["name"] == "Unmistakable" && whole.json()["email"] == email.as_str(), "{whole:?}");
    bearing(&api, &path, &format!("{token}0")).await?.expect_problem(401)
}

async fn bearing(api: &Api, path: &str, token: &str) -> anyhow::Result<Answer> {
    send(api.request(Method::GET, path).bearer_auth(token)).await
}
