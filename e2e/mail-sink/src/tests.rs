//! The sink over its real ports, as the fleet and its tests use it.

use anyhow::ensure;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::*;

const MAIL: &str = "From: Fleet <fleet@example.com>\r\nTo: Ada Lovelace <ada@example.com>\r\nSubject: Welcome\r\n\
    Message-ID: <1@example.com>\r\nDate: Fri, 20 Nov 2026 19:45:00 +0000\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain\r\n\r\nHello Ada\r\n..\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hello Ada</p>\r\n--b--\r\n";

/// A sink on free ports, with a client for each.
struct TestSink {
    smtp: SocketAddr,
    url: String,
}

impl TestSink {
    async fn start() -> anyhow::Result<Self> {
        let sink = Sink::new(10);
        let (smtp, http) = (listen(([127, 0, 0, 1], 0).into()).await?, listen(([127, 0, 0, 1], 0).into()).await?);
        let test = Self { smtp: smtp.local_addr()?, url: format!("http://{}/api/v1", http.local_addr()?) };
        tokio::spawn(smtp::serve(smtp, sink.clone()));
        tokio::spawn(axum::serve(http, http::api(sink)).into_future());
        Ok(test)
    }

    async fn connect(&self) -> anyhow::Result<BufReader<TcpStream>> {
        Ok(BufReader::new(TcpStream::connect(self.smtp).await?))
    }

    /// Sends all at once, as a pipelining client may, and returns the code of each answer.
    async fn send(&self, lines: &str) -> anyhow::Result<Vec<u16>> {
        let mut stream = self.connect().await?;
        stream.get_mut().write_all(format!("{lines}QUIT\r\n").as_bytes()).await?;
        let mut codes = Vec::new();
        let mut answers = stream.lines();
        while let Some(line) = answers.next_line().await? {
            ensure!(line.len() >= 4, "no answer: {line}");
            codes.push(line[..3].parse()?);
        }
        Ok(codes)
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(reqwest::get(format!("{}{path}", self.url)).await?.error_for_status()?.json().await?)
    }

    async fn away(&self, away: bool) -> anyhow::Result<()> {
        let url = self.url.replace("/api/v1", "/away");
        reqwest::Client::new().put(url).json(&away).send().await?.error_for_status()?;
        Ok(())
    }

    async fn count(&self, address: &str) -> anyhow::Result<Value> {
        Ok(self.get(&format!("/search?query=to:{address}")).await?["messages_count"].clone())
    }
}

fn mail_to(address: &str) -> String {
    format!("MAIL FROM:<fleet@example.com>\r\nRCPT TO:<{address}>\r\nDATA\r\n{MAIL}.\r\n")
}

#[tokio::test]
async fn a_mail_is_found_and_read_as_in_mailpit() -> anyhow::Result<()> {
    let sink = TestSink::start().await?;
    let codes = sink.send(&format!("EHLO test\r\n{}", mail_to("ada@example.com"))).await?;
    assert_eq!(codes, [220, 250, 250, 250, 250, 250, 250, 354, 250, 221]);

    let found = sink.get("/search?query=to:%22ADA@example.com%22").await?;
    let summary = &found["messages"][0];
    assert_eq!((&found["total"], &found["messages_count"]), (&1.into(), &1.into()));
    assert_eq!(summary["MessageID"], "1@example.com");
    assert_eq!(summary["To"][0]["Name"], "Ada Lovelace");

    let mail = sink.get(&format!("/message/{}", summary["ID"].as_str().unwrap_or_default())).await?;
    assert_eq!(mail["Subject"], "Welcome");
    assert_eq!(mail["Date"], "2026-11-20T19:45:00Z");
    assert_eq!(mail["Text"], "Hello Ada\r\n.", "without dot-stuffing");
    assert_eq!(mail["HTML"], "<p>Hello Ada</p>");
    Ok(())
}

#[tokio::test]
async fn a_session_goes_on_after_refusals() -> anyhow::Result<()> {
    let sink = TestSink::start().await?;
    let refused = mail_to("eve@policy.test");
    let codes = sink.send(&format!("HELO test\r\nDATA\r\n{refused}{}", mail_to("ada@example.com"))).await?;
    assert_eq!(codes, [220, 250, 503, 250, 250, 354, 554, 250, 250, 354, 250, 221]);
    assert_eq!(sink.count("policy.test").await?, 0);
    assert_eq!(sink.count("ada@example.com").await?, 1);
    Ok(())
}

#[tokio::test]
async fn many_recipients_of_one_mail_are_all_found() -> anyhow::Result<()> {
    let sink = TestSink::start().await?;
    let to = "RCPT TO:<a@example.com>\r\nRCPT TO:<b@refused.test>\r\nRCPT TO:<c@example.com>\r\n";
    let codes = sink.send(&format!("HELO test\r\nMAIL FROM:<>\r\n{to}DATA\r\n{MAIL}.\r\n")).await?;
    assert_eq!(codes, [220, 250, 250, 250, 550, 250, 354, 250, 221]);
    for (address, hits) in [("a@example.com", 1), ("b@refused.test", 0), ("c@example.com", 1)] {
        assert_eq!(sink.count(address).await?, hits, "{address}");
    }
    Ok(())
}

#[tokio::test]
async fn a_mail_that_hangs_is_kept_unanswered_and_its_repetition_accepted() -> anyhow::Result<()> {
    let sink = TestSink::start().await?;
    let mut stream = sink.connect().await?;
    stream.get_mut().write_all(format!("HELO test\r\n{}", mail_to("ada@hang.test")).as_bytes()).await?;
    let mut answers = stream.lines();
    for code in ["220", "250", "250", "250", "354"] {
        ensure!(answers.next_line().await?.is_some_and(|line| line.starts_with(code)), "expected {code}");
    }
    while sink.count("ada@hang.test").await? != 1 {}

    assert_eq!(sink.send(&mail_to("ada@hang.test")).await?, [220, 250, 250, 354, 250, 221]);
    assert_eq!(sink.count("ada@hang.test").await?, 2);
    let unanswered = answers.into_inner().get_ref().try_read(&mut [0; 1]);
    assert_eq!(unanswered.map_err(|error| error.kind()), Err(std::io::ErrorKind::WouldBlock));
    Ok(())
}

#[tokio::test]
async fn the_mailbox_can_be_emptied() -> anyhow::Result<()> {
    let sink = TestSink::start().await?;
    sink.send(&format!("HELO test\r\n{}", mail_to("ada@example.com"))).await?;
    reqwest::Client::new().delete(format!("{}/messages", sink.url)).send().await?.error_for_status()?;
    assert_eq!(sink.get("/messages?limit=5").await?["total"], 0);
    Ok(())
}

#[tokio::test]
async fn while_the_sink_is_away_nobody_listens_and_open_sessions_are_cut() -> anyhow::Result<()> {
    let sink = TestSink::start().await?;
    let mut open = sink.connect().await?;
    open.read_line(&mut String::new()).await?;
    sink.away(true).await?;
    // Cut, and not before: reading ends when the session does.
    assert_eq!(open.read_line(&mut String::new()).await.unwrap_or_default(), 0);
    assert!(sink.connect().await.is_err(), "somebody listens");
    sink.away(false).await?;
    while sink.connect().await.is_err() {}
    assert_eq!(sink.send(&mail_to("ada@example.com")).await?, [220, 250, 250, 354, 250, 221]);
    Ok(())
}

#[tokio::test]
async fn mails_are_not_for_pages_from_elsewhere() -> anyhow::Result<()> {
    let sink = TestSink::start().await?;
    for (host, status) in
        [("evil.example", 421), ("127.0.0.1.evil.example", 421), ("localhost:8025", 200), ("[::1]:8025", 200)]
    {
        let url = format!("{}/messages", sink.url);
        let answer = reqwest::Client::new().get(url).header("host", host).send().await?;
        ensure!(answer.status() == status, "{host}: {}", answer.status());
    }
    Ok(())
}
