//! The HTTP server: who connects and says nothing, or says it too slowly, holds nothing up.

use std::{io::ErrorKind, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Layer;
use tracing::warn;

/// How many connections a server has at most; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 2000;
/// How long a request's head may take, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(30);
/// How long after the last answer, at a shutdown, its bytes may still be under way.
const LAST_BYTES: Duration = Duration::from_secs(1);
/// The rest when no file descriptor is left for another connection.
const REST: Duration = Duration::from_millis(100);

/// Who is at the other end of the connection that a request came by: an extension of each.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Serves `app` until `shutdown`, then finishes the requests that have begun. Whose head is not whole by then gets none.
pub async fn serve(listener: TcpListener, app: Router, shutdown: CancellationToken) -> std::io::Result<()> {
    let begun = TaskTracker::new();
    let app = app.layer(from_fn_with_state(begun.clone(), track));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    let (connections, open) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS)));
    while let Some(place) = shutdown.run_until_cancelled(open.clone().acquire_owned()).await {
        let Some(stream) = shutdown.run_until_cancelled(accept(&listener)).await else { break };
        let (stream, peer) = stream?;
        let service = TowerToHyperService::new(Extension(Peer(peer)).layer(app.clone()));
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection.into_owned());
        tokio::spawn(async move {
            // Whoever hangs up in mid-sentence has had his answer.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    begun.close();
    let answered = async {
        begun.wait().await;
        sleep(LAST_BYTES).await;
    };
    tokio::select! {
        () = connections.shutdown() => {}
        () = answered => {}
    }
    Ok(())
}

/// The next connection. That one could not be accepted is no reason to stop, as long as the listener lives.
async fn accept(listener: &TcpListener) -> std::io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // An answer is written in two parts: the second must not wait for the client's delayed ACK (RFC 896).
                let _ = stream.set_nodelay(true);
                return Ok((stream, peer));
            }
            Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                warn!(%error, "a connection can't be accepted");
                sleep(REST).await;
            }
        }
    }
}

/// Counts a request from its head to its answer.
async fn track(State(begun): State<TaskTracker>, request: Request, next: Next) -> Response {
    begun.track_future(next.run(request)).await
}
