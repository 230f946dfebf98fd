//! A fleet of real processes on a real broker and database, and everything that can happen to it.
//!
//! `scripts/test` runs this, after it has built the binaries and started servers. By hand: `cargo build --workspace --bins`,
//! then `cargo test -p e2e-tests --test faults`, which starts servers of its own. Each test has a database, a vhost, a mailbox
//! and processes to itself; those that stop servers run alone ([`faults::servers::Turn`]). Logs stay in
//! `target/tmp/faults/<test>/`.

mod faults {
    mod harness;
    mod otlp;
    mod process;
    mod servers;

    mod choreography;
    mod crashes;
    mod duplicates;
    mod flow;
    mod history;
    mod mail;
    mod order;
    mod outages;
    mod output;
    mod poison;
    mod privacy;
    mod rights;
    mod tracing_away;
}
