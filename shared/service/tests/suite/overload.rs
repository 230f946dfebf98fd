//! Overload and slow clients end at the door.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header::RETRY_AFTER},
    routing::get,
};
use futures_util::future::join_all;
use messaging::testing::stage::database;
use service::http::{self, Admission, Surroundings, measure, server::serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::Span;
use utoipa::openapi::OpenApiBuilder;

async fn app(api: Router, connections: u32) -> Router {
    let requests = measure::register(&database("reader").await.metrics.registry);
    let admission = Admission::new(connections);
    let around = Surroundings { server: "/".into(), max_body: 1024, admission, requests, service: Span::none() };
    http::app(api, OpenApiBuilder::new().build(), around)
}

fn get_it() -> Request<Body> {
    Request::get("/it").body(Body::empty()).unwrap()
}

/// Sixteen connections: eight run, sixty-four wait, the rest is refused at once.
#[tokio::test]
async fn what_is_too_much_is_refused_at_once_and_says_when_to_come_again() {
    let (gate, most) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (open, peak, now) = (gate.clone(), most.clone(), Arc::new(AtomicUsize::new(0)));
    let handler = async move || {
        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let _passed = open.acquire().await.unwrap();
        now.fetch_sub(1, Ordering::SeqCst);
        "it"
    };
    let app = app(Router::new().route("/it", get(handler)), 16).await;
    let running: Vec<_> = (0..72).map(|_| tokio::spawn(app.clone().oneshot(get_it()))).collect();
    messaging::testing::eventually("eight run", || async { most.load(Ordering::SeqCst) == 8 }).await;
    let began = Instant::now();
    let refused = join_all((0..50).map(|_| app.clone().oneshot(get_it()))).await;
    for response in refused {
        let response = response.unwrap();
        assert_eq!(
            (response.status(), &response.headers()[RETRY_AFTER]),
            (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().unwrap())
        );
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    gate.add_permits(1);
    for response in join_all(running).await {
        assert_eq!(response.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(most.load(Ordering::SeqCst), 8);
    assert_eq!(app.oneshot(get_it()).await.unwrap().status(), StatusCode::OK, "the places are free again");
}

#[tokio::test]
async fn who_waits_too_long_for_his_turn_is_told_so() {
    let begun = Arc::new(Semaphore::new(0));
    let begins = begun.clone();
    let handler = async move || {
        begins.add_permits(1);
        std::future::pending::<()>().await;
    };
    let app = app(Router::new().route("/it", get(handler)), 2).await;
    let first = tokio::spawn(app.clone().oneshot(get_it()));
    let _begun = begun.acquire().await.unwrap();
    let second = app.oneshot(get_it()).await.unwrap();
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(second.headers().contains_key(RETRY_AFTER));
    first.abort();
}

/// What connects and says nothing, or half of it, has no request: a shutdown does not wait for it. One that has, does.
#[tokio::test]
async fn a_shutdown_waits_for_requests_and_not_for_half_of_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, shutdown, gate) =
        (listener.local_addr().unwrap(), CancellationToken::new(), Arc::new(Semaphore::new(0)));
    let (open, requests) = (gate.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = requests.clone();
    let handler = async move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let _passed = open.acquire().await.unwrap();
        "the whole answer"
    };
    let app = app(Router::new().route("/it", get(handler)), 16).await;
    let server = tokio::spawn(serve(listener, app, shutdown.clone()));
    let _silent = TcpStream::connect(addr).await.unwrap();
    let mut half = TcpStream::connect(addr).await.unwrap();
    half.write_all(b"GET /it HTTP/1.1\r\nHost: ").await.unwrap();
    let mut whole = TcpStream::connect(addr).await.unwrap();
    whole.write_all(b"GET /it HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    messaging::testing::eventually("the request has begun", || async { requests.load(Ordering::SeqCst) == 1 }).await;

    let began = Instant::now();
    shutdown.cancel();
    gate.add_permits(1);
    let mut answer = String::new();
    whole.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("the whole answer"), "{answer}");
    server.await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "after {:?}", began.elapsed());
}
