//! The guarantees, one by one, on a real Postgres. `scripts/test` provides the servers.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod suite {
    mod bus;
    mod dead_letters;
    mod heads;
    mod health;
    mod history;
    mod identity;
    mod inbox;
    mod layers;
    mod lost_database;
    mod metrics;
    mod migrations;
    mod other_queues;
    mod outbox;
    mod parked;
    mod refusing;
    mod republish;
    mod retention;
    mod rollout;
    mod schedule;
    mod silent;
}
