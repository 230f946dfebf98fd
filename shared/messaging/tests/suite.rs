//! The guarantees, one by one, on a real Postgres. `scripts/test` provides the servers.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod suite {
    mod audit;
    mod authorization;
    mod bus;
    mod dead_letters;
    mod desk;
    mod edit;
    mod health;
    mod history;
    mod hospital;
    mod inbox;
    mod lost_database;
    mod metrics;
    mod outbox;
    mod parked;
    mod receipts;
    mod replay;
    mod republish;
    mod retention;
    mod retry;
    mod schedule;
    mod stage;
}
