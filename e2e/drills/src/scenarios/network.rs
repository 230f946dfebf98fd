//! The network between a service and its servers.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, anyhow};
use reqwest::Url;
use tokio::time::sleep;

use crate::{
    context::DrillContext,
    proxy::{Network, Proxy},
    slow_mail::SlowMail,
    verdict::Copies,
};

/// Longer than a statement, a commit and a turn may take.
const SILENCE: Duration = Duration::from_secs(20);

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

/// For longer than any time limit nothing comes from the database, and nobody says why; then every connection is reset.
/// The service says that it is not ready meanwhile, and goes on by itself.
pub async fn stall_database(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    context.put_on_load();
    let services = e2e::services();
    for (number, service) in services.iter().enumerate() {
        let (proxy, url) = proxied(context.fleet.setting(&format!("{}_DATABASE_URL", service.to_uppercase()))?).await?;
        context.say(&format!("{service} is led through a proxy"));
        context.fleet.faults.restart_with(service, &format!("DATABASE_URL={url}")).await?;
        context.until_ready(service).await?;
        context.until_percent(10 + number * 80 / services.len()).await?;
        context.say(&format!("the database of {service} falls silent"));
        proxy.set(Network::Stalls);
        context.fleet.api.until_down(service, &["database"]).await?;
        sleep(SILENCE).await;
        context.say(&format!("the database of {service} resets its connections"));
        proxy.set(Network::Resets);
        sleep(Duration::from_secs(2)).await;
        proxy.set(Network::Works);
        context.until_ready(service).await?;
        context.fleet.faults.restore(service).await?;
        context.until_ready(service).await?;
    }
    context.lifted();
    context.finish_load().await?;
    context.until_quiet(&[]).await;
    Ok(())
}

/// How late the mail server's answers are: later than any sender in a hurry waits.
const SLOW: Duration = Duration::from_secs(10);
/// How often a mail may go out that is never answered; the rest before a third time would outlast the drill.
const MAIL_COPIES: usize = 2;

/// Who is answered late gets one mail; who is never answered gets `MAIL_COPIES`. Nobody is deactivated over either.
pub async fn slow_down_mail(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    context.refused_every = 0;
    let mut url: Url = context.fleet.setting("SMTP_URL")?.parse()?;
    let slow = SlowMail::before(server(&url)?, SLOW).await?;
    lead_to(&mut url, slow.addr)?;
    context.say("email is led to a mail server that takes its time");
    let settings = format!("SMTP_URL={url}\nMAIL_COPIES={MAIL_COPIES}");
    context.fleet.faults.restart_with("email", &settings).await?;
    context.until_ready("email").await?;
    context.put_on_load();
    context.finish_load().await?;
    context.until_quiet(&[]).await;
    let silent = slow.silent();
    context.note(format!("{silent} customers' mails were never answered"));
    context.expected.copies = Some(Copies { in_all: silent * (MAIL_COPIES - 1), of_one: MAIL_COPIES });
    context.lifted();
    context.fleet.faults.restore("email").await?;
    context.until_ready("email").await
}

/// A proxy before the server of `url`, and the URL by way of it.
async fn proxied(url: &str) -> anyhow::Result<(Proxy, Url)> {
    let mut url: Url = url.parse()?;
    let proxy = Proxy::to(server(&url)?).await?;
    lead_to(&mut url, proxy.addr)?;
    Ok((proxy, url))
}

fn server(url: &Url) -> anyhow::Result<String> {
    Ok(format!("{}:{}", url.host_str().context("no host")?, url.port().context("no port")?))
}

fn lead_to(url: &mut Url, addr: SocketAddr) -> anyhow::Result<()> {
    url.set_ip_host(addr.ip()).map_err(|()| anyhow!("no host"))?;
    url.set_port(Some(addr.port())).map_err(|()| anyhow!("no port"))
}
