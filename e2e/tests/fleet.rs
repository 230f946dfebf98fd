//! What a running fleet promises its users, asked over HTTP, mail, traces and logs.
//!
//! `scripts/e2e` runs this against the native fleet or the one in Docker: every URL comes from the environment. The tests
//! use new addresses each time and leave the fleet as they found it, with some more customers.

mod fleet {
    mod environment;

    mod access;
    mod idempotency;
    mod input;
    mod metrics;
    mod observation;
    mod registration;
    mod surface;
}
