//! What a request's body may be, and how long it may take.

use std::time::Duration;

use axum::{Router, body::Bytes, routing::post};
use futures_util::future::join_all;
use messaging::testing::stage::database;
use service::http::{self, Admission, Surroundings, measure, server::serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;
use tracing::Span;
use utoipa::openapi::OpenApiBuilder;

/// A server whose every request needs one of two connections to a database, and takes 1 KiB.
async fn server() -> std::net::SocketAddr {
    let requests = measure::register(&database("reader").await.metrics.registry);
    let around = Surroundings {
        server: "/".into(),
        max_body: 1024,
        admission: Admission::new(2),
        requests,
        service: Span::none(),
    };
    let api = Router::new().route("/it", post(async |body: Bytes| body.len().to_string()));
    let app = http::app(api, OpenApiBuilder::new().build(), around);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app, CancellationToken::new()));
    address
}

/// Sends a head that says how long the body is, and so much of it; the answer, once the server has closed.
async fn exchange(address: std::net::SocketAddr, announced: usize, sent: usize) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        format!("POST /it HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {announced}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'x'; sent]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn is_problem(answer: &str, status: u16) -> bool {
    let [line, form] = [format!("HTTP/1.1 {status} "), "\r\ncontent-type: application/problem+json\r\n".to_owned()];
    answer.starts_with(&line) && answer.contains(&form) && answer.contains(&format!("\"status\":{status}"))
}

/// There is one place for a request that runs, and room for eight to wait: forty that say nothing take neither.
#[tokio::test]
async fn a_body_that_never_comes_is_a_408_and_holds_up_nobody_else() {
    let address = server().await;
    let silent: Vec<_> = (0..40).map(|number| tokio::spawn(exchange(address, 100, number))).collect();
    let others = join_all((0..5).map(async |_| {
        tokio::time::timeout(Duration::from_secs(3), exchange(address, 7, 7))
            .await
            .expect("an answer while others are silent")
    }));
    for answer in others.await {
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with('7'), "{answer}");
    }
    for answer in join_all(silent).await {
        let answer = answer.unwrap();
        assert!(is_problem(&answer, 408) && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_a_413() {
    let address = server().await;
    assert!(exchange(address, 1024, 1024).await.ends_with("1024"));
    let answer = exchange(address, 1025, 1025).await;
    assert!(is_problem(&answer, 413) && answer.contains("over 1 KiB"), "{answer}");
}
