//! What every service of the fleet uses: the path of a message from one commit to the next.
//!
//! ```text
//!  POST /orders    ── unit_of_work ── commit { row, outbox row }
//!                                              │
//!                                        outbox/relay        publish, confirm, mark
//!                                              │
//!                                             bus            one fanout exchange per event
//!                                              │
//!                                           router           batches, in delivery order
//!                                              │
//!                                         middleware         rate limit, trace, timeout, catch panic
//!                                              │
//!                                            inbox           once per service: new? → Handler::handle(tx, event)
//!                                              │
//!                                     commit { inbox row, effect, outbox rows } ── ack
//! ```
//!
//! What fails alone is kept in [`parked`]; what a service missed it reads again from [`history`].
//! Business code knows two verbs: [`unit_of_work::UnitOfWork::publish`] and [`handler::Handler::handle`].

#![warn(missing_docs)]

pub mod audit;
pub mod bus;
pub mod clock;
pub mod database;
pub mod failure;
pub mod handler;
pub mod health;
pub mod history;
pub mod inbox;
mod log;
pub mod message;
pub mod metrics;
pub mod middleware;
pub mod outbox;
pub mod parked;
mod processing;
pub mod retention;
pub mod router;
pub mod step;
pub mod suspects;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod unit_of_work;
pub mod wake_ups;
