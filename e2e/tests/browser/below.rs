//! The pages below a path, behind a proxy that takes the path away.

use std::sync::Arc;

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use super::{environment::page, stage::with_browser};

#[tokio::test]
async fn every_page_works_below_a_path() -> anyhow::Result<()> {
    let view = page("")?.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let below = format!("http://{}/fleet", listener.local_addr()?);
    let listening = Arc::<Notify>::default();
    let listens = listening.clone();
    let proxy = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (view, listens) = (view.clone(), listens.clone());
            // A browser that goes to another page breaks connections off.
            tokio::spawn(async move { forward(client, &view, &listens).await.ok() });
        }
    });
    with_browser(&[], async |browser| {
        browser.visit(&format!("{below}/")).await?;
        browser.find("#map .service-card", "ready").await?;
        // What happens before the page listens, it does not hear of.
        listening.notified().await;
        browser.find("#register button.primary", "Register").await?.click().await?;
        browser.find("#registered .live", "done").await?;
        browser.find("#registered a", "open the flow").await?.click().await?;
        browser.find(".verdict", "done").await?;
        browser.find("nav a", "Parked").await?.click().await?;
        browser.find("#sign-in h2", "Who looks after them?").await?;
        browser.find("nav a", "Live").await?.click().await?;
        browser.find("#list .flow-row", "").await?;
        let address = browser.url().await?;
        ensure!(address == format!("{below}/"), "{address}");
        Ok(())
    })
    .await?;
    proxy.abort();
    Ok(())
}

/// One request: a connection is closed after it, so that each head is seen.
async fn forward(mut client: TcpStream, view: &str, listens: &Notify) -> anyhow::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        ensure!(client.read_buf(&mut head).await? > 0, "no request");
    }
    let text = String::from_utf8(head)?;
    let (line, rest) = text.split_once("\r\n").context("a request line")?;
    let Some((method, path)) = line.split_once(" /fleet/") else {
        let answer = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        return Ok(client.write_all(answer).await?);
    };
    let mut server = TcpStream::connect(view).await?;
    let rest = rest.replacen("keep-alive", "close", 1);
    server.write_all(format!("{method} /{path}\r\n{rest}").as_bytes()).await?;
    if path.starts_with("flows/stream") {
        let mut first = Vec::new();
        server.read_buf(&mut first).await?;
        client.write_all(&first).await?;
        listens.notify_one();
    }
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
