//! The network between a service and the broker.

use std::time::Duration;

use anyhow::{Context, anyhow};
use reqwest::Url;
use tokio::time::sleep;

use crate::{
    context::DrillContext,
    proxy::{Network, Proxy},
};

/// First nothing passes and nobody knows why, then every connection is reset.
pub async fn cut(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    let (proxy, url) = proxied(context.fleet.setting("LOYALTY_AMQP_URL")?).await?;
    context.say("loyalty is led through a proxy");
    context.fleet.faults.restart_with("loyalty", &format!("AMQP_URL={url}")).await?;
    context.until_ready("loyalty").await?;
    context.put_on_load();
    context.until_percent(20).await?;
    context.say("the network stalls");
    proxy.set(Network::Stalls);
    sleep(Duration::from_secs(8)).await;
    context.say("the network resets");
    proxy.set(Network::Resets);
    sleep(Duration::from_secs(2)).await;
    proxy.set(Network::Works);
    context.lifted();
    context.finish_load().await?;
    context.until_quiet(&[]).await;
    context.fleet.faults.restore("loyalty").await?;
    context.until_ready("loyalty").await
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
