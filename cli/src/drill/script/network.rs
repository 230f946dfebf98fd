//! The network between a service and the broker.

use std::time::Duration;

use anyhow::{Context, anyhow};
use reqwest::Url;
use tokio::time::sleep;

use crate::drill::{
    proxy::{Network, Proxy},
    stage::Stage,
};

/// First nothing passes and nobody knows why, then every connection is reset.
pub async fn cut(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    let (proxy, url) = proxied(stage.fleet.setting("LOYALTY_AMQP_URL")?).await?;
    stage.say("loyalty is led through a proxy");
    stage.fleet.faults.restart_with("loyalty", &format!("AMQP_URL={url}")).await?;
    stage.until_ready("loyalty").await?;
    stage.put_on_load();
    stage.until_percent(20).await?;
    stage.say("the network stalls");
    proxy.set(Network::Stalls);
    sleep(Duration::from_secs(8)).await;
    stage.say("the network resets");
    proxy.set(Network::Resets);
    sleep(Duration::from_secs(2)).await;
    proxy.set(Network::Works);
    stage.lifted();
    stage.finish_load().await?;
    stage.until_quiet(&[]).await;
    stage.fleet.faults.restore("loyalty").await?;
    stage.until_ready("loyalty").await
}

/// A proxy before the server of `url`, and the URL by way of it.
async fn proxied(url: &str) -> anyhow::Result<(Proxy, Url)> {
    let mut url: Url = url.parse()?;
    let target = format!("{}:{}", url.host_str().context("no host")?, url.port().context("no port")?);
    let proxy = Proxy::to(target).await?;
    url.set_ip_host(proxy.addr.ip()).map_err(|()| anyhow!("no host"))?;
    url.set_port(Some(proxy.addr.port())).map_err(|()| anyhow!("no port"))?;
    Ok((proxy, url))
}
