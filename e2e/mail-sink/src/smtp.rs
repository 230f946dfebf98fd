//! SMTP (RFC 5321), as much as a sender needs: no TLS, no authentication, any address (SMTPUTF8, RFC 6531).
//!
//! By hand, because the crates for it are more trouble than these commands: `mailin` 0.6 stays in the data state
//! after a refused mail and knows neither SMTPUTF8 nor the empty sender.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

use crate::{rules::Verdict, sink::Sink};

const EXTENSIONS: &str = "250-mail-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8";
const MAX_MAIL: usize = 10 << 20;
const MAX_LINE: u64 = 1 << 20;
/// How long a sender may wait in vain for the answer to a mail that hangs.
const HANG: Duration = Duration::from_mins(1);
/// How long a slow answer takes.
const SLOW: Duration = Duration::from_secs(9);

/// Accepts connections for ever. While the sink is unreachable nobody listens, and what was open is cut.
pub async fn serve(listener: TcpListener, sink: Arc<Sink>) -> io::Result<()> {
    let addr = listener.local_addr()?;
    let mut away = sink.away.subscribe();
    let mut listener = listener;
    // Waiting for a sender that is gone would fail; ours is in the sink that we hold.
    loop {
        tokio::select! {
            () = accept(listener, sink.clone()) => {}
            _ = away.wait_for(|away| *away) => {}
        }
        let _ = away.wait_for(|away| !*away).await;
        listener = TcpListener::bind(addr).await?;
    }
}

/// Dropping this ends the sessions.
async fn accept(listener: TcpListener, sink: Arc<Sink>) {
    let mut sessions = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(sessions.spawn(Session::new(stream, sink.clone()).run())),
            // Out of file descriptors, most likely: sessions that end give some back.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
        while sessions.try_join_next().is_some() {}
    }
}

/// One connection: any number of mails.
struct Session {
    stream: BufStream<TcpStream>,
    sink: Arc<Sink>,
    sender_known: bool,
    recipients: Vec<String>,
}

impl Session {
    fn new(stream: TcpStream, sink: Arc<Sink>) -> Self {
        Self { stream: BufStream::new(stream), sink, sender_known: false, recipients: Vec::new() }
    }

    async fn run(mut self) -> io::Result<()> {
        self.say("220 mail-sink ESMTP").await?;
        while let Some(line) = self.read_line().await? {
            let line = String::from_utf8_lossy(&line);
            let (verb, argument) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
            let answer = match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.begin(EXTENSIONS),
                "HELO" | "RSET" => self.begin("250 OK"),
                "NOOP" => "250 OK",
                "MAIL" => self.mail(argument),
                "RCPT" => self.rcpt(argument),
                "DATA" => self.data().await?,
                "QUIT" => return self.say("221 bye").await,
                _ => "502 command not known",
            };
            self.say(answer).await?;
        }
        Ok(())
    }

    fn begin(&mut self, answer: &'static str) -> &'static str {
        self.sender_known = false;
        self.recipients.clear();
        answer
    }

    fn mail(&mut self, argument: &str) -> &'static str {
        if path(argument, "FROM:").is_none() {
            return "501 expected MAIL FROM:<address>";
        }
        self.begin("250 OK");
        self.sender_known = true;
        "250 OK"
    }

    fn rcpt(&mut self, argument: &str) -> &'static str {
        let Some(address) = path(argument, "TO:").filter(|address| address.contains('@')) else {
            return "501 expected RCPT TO:<address>";
        };
        if !self.sender_known {
            return "503 MAIL comes first";
        }
        if let Some(refusal) = self.sink.rules.refuse_rcpt(address) {
            return refusal;
        }
        self.recipients.push(address.to_owned());
        "250 OK"
    }

    async fn data(&mut self) -> io::Result<&'static str> {
        if self.recipients.is_empty() {
            return Ok("503 RCPT comes first");
        }
        self.say("354 end with <CRLF>.<CRLF>").await?;
        let Some(raw) = self.read_mail().await? else {
            return Ok(self.begin("552 5.3.4 over 10 MiB"));
        };
        let verdict = self.sink.rules.judge(&self.recipients);
        if let Verdict::Refuse(answer) = verdict {
            return Ok(self.begin(answer));
        }
        self.sink.mailbox.keep(std::mem::take(&mut self.recipients), raw);
        match verdict {
            Verdict::Hang => {
                sleep(HANG).await;
                return Err(io::ErrorKind::TimedOut.into());
            }
            Verdict::HangUp => return Err(io::ErrorKind::ConnectionAborted.into()),
            Verdict::AcceptSlowly => sleep(SLOW).await,
            Verdict::Accept | Verdict::Refuse(_) => {}
        }
        Ok(self.begin("250 OK"))
    }

    /// The mail without its dot-stuffing, or `None` if it is too large.
    async fn read_mail(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut raw = Vec::new();
        let mut size = 0;
        loop {
            let line = self.read_line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line == b".\r\n" {
                return Ok((size <= MAX_MAIL).then_some(raw));
            }
            size += line.len();
            if size <= MAX_MAIL {
                raw.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            }
        }
    }

    /// The next line, or `None` when the sender has gone.
    async fn read_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        (&mut self.stream).take(MAX_LINE).read_until(b'\n', &mut line).await?;
        Ok(line.ends_with(b"\n").then_some(line))
    }

    async fn say(&mut self, answer: &str) -> io::Result<()> {
        self.stream.write_all(answer.as_bytes()).await?;
        self.stream.write_all(b"\r\n").await?;
        self.stream.flush().await
    }
}

/// The address in `FROM:<address> parameters`; empty for a bounce's sender.
fn path<'a>(argument: &'a str, keyword: &str) -> Option<&'a str> {
    let (start, rest) = argument.split_at_checked(keyword.len())?;
    let path = rest.trim_start().strip_prefix('<')?;
    start.eq_ignore_ascii_case(keyword).then_some(&path[..end(path)?])
}

/// Where the address in `path` ends: at a `>` that does not stand in a quoted local part.
fn end(path: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    path.find(|character| {
        let ends = character == '>' && !quoted;
        quoted ^= character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn paths_are_read_as_senders_write_them() {
        for (argument, address) in [
            ("FROM:<ada@example.com>", Some("ada@example.com")),
            ("from: <ada@example.com> BODY=8BITMIME", Some("ada@example.com")),
            ("FROM:<>", Some("")),
            (r#"FROM:<"a> \">b"@example.com> BODY=8BITMIME"#, Some(r#""a> \">b"@example.com"#)),
            (r#"FROM:<"a>"#, None),
            ("FROM:<jürgen@example.com> SMTPUTF8", Some("jürgen@example.com")),
            ("TO:<ada@example.com>", None),
            ("FROM:ada@example.com", None),
            ("FR", None),
        ] {
            assert_eq!(path(argument, "FROM:"), address, "{argument}");
        }
    }
}
