//! The operations port of a service, on a real Postgres. `scripts/test` provides the server.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod suite {
    mod audit;
    mod authorization;
    mod bodies;
    mod desk;
    mod edit;
    mod inbox_status;
    mod metrics;
    mod overload;
    mod parked;
    mod replay;
    mod republish;
    mod retry;
}
