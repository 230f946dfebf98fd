//! The flow view, on a real Postgres and the bus in memory.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "suite/api.rs"]
mod api;
#[path = "suite/flows.rs"]
mod flows;
#[path = "suite/proxy.rs"]
mod proxy;
#[path = "suite/stage.rs"]
mod stage;
#[path = "suite/status_poller.rs"]
mod status_poller;
#[path = "suite/stream.rs"]
mod stream;
