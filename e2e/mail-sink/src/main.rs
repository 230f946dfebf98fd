//! A mail server that keeps what it is sent, for development and tests only: it delivers nothing.
//!
//! SMTP on one port, on the other the part of Mailpit's HTTP API that tests and scripts read, so that the fleet can be
//! looked into the same way with Mailpit (Docker) and without. How it answers depends on the recipient's domain
//! ([`rules`]): every way in which a mail server can disappoint is one address away.

mod http;
mod mailbox;
mod rules;
mod sink;
mod smtp;

use std::{
    io::{self, ErrorKind, Write},
    net::SocketAddr,
    process,
};

use anyhow::Context;
use clap::Parser;
use sink::Sink;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// Keeps the mails it is sent, shows them over Mailpit's HTTP API, delivers nothing. For development only.
#[derive(Parser)]
#[command(version, after_help = rules::HELP)]
struct Args {
    /// Where to listen for SMTP
    #[arg(long, env = "SMTP_ADDR", default_value = "127.0.0.1:1025")]
    smtp_addr: SocketAddr,
    /// Where to listen for HTTP: /api/v1/messages, /api/v1/search?query=to:…, /api/v1/message/{id}[/raw], /readyz; and
    /// PUT /away with true or false: nobody listens for SMTP until it is back
    #[arg(long, env = "HTTP_ADDR", default_value = "127.0.0.1:8025")]
    http_addr: SocketAddr,
    /// How many mails to keep; the oldest go first
    #[arg(long, env = "MAX_MAILS", default_value_t = 100_000)]
    max_mails: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::try_parse().unwrap_or_else(|error| exit(&error));
    let sink = Sink::new(args.max_mails);
    let mut terminate = signal(SignalKind::terminate())?;
    let smtp = listen(args.smtp_addr).await?;
    let http = listen(args.http_addr).await?;
    // Not by `println!`, which panics where a reader has gone or a disk is full.
    writeln!(io::stdout(), "mail-sink: SMTP on {}, HTTP on {}", args.smtp_addr, args.http_addr)?;
    // What is in memory is not worth a slow goodbye, so open sessions are dropped.
    tokio::select! {
        served = smtp::serve(smtp, sink.clone()) => served.context("SMTP"),
        served = axum::serve(http, http::api(sink)) => served.context("HTTP"),
        _ = terminate.recv() => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// As clap ends a process, but with an error if its help can't be written.
fn exit(error: &clap::Error) -> ! {
    let code = match error.print() {
        Err(failed) if failed.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "error: can't write to standard output: {failed}");
            1
        }
        _ => error.exit_code(),
    };
    process::exit(code)
}

async fn listen(addr: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr).await.with_context(|| format!("cannot listen on {addr}"))
}

#[cfg(test)]
mod tests;
