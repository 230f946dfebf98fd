//! The path of a message from one commit to the next: what a service needs to publish facts and to react to others'.
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
//!
//! # An order, from one service to another
//!
//! ```
//! use messaging::{prelude::*, testing::{self, TestService}};
//! use serde::{Deserialize, Serialize};
//! use sqlx::migrate::Migrator;
//! use uuid::Uuid;
//!
//! /// A fact in the past tense. Its type is an exchange, its owner the one service that publishes it, and events about
//! /// one subject stay in order.
//! #[derive(Serialize, Deserialize)]
//! struct OrderPlaced { order_id: Uuid, grams: i64 }
//!
//! impl Event for OrderPlaced {
//!     const TYPE: &'static str = "order_placed";
//!     const OWNER: &'static str = "orders";
//!     fn subject(&self) -> Uuid { self.order_id }
//! }
//!
//! /// What shipping does about it, in the transaction that also records the event as handled: once, whatever comes twice.
//! struct PlanParcel;
//!
//! impl Handler<OrderPlaced> for PlanParcel {
//!     async fn handle(&self, tx: &mut UnitOfWork, event: &OrderPlaced) -> Result<(), HandlerError> {
//!         let insert = sqlx::query("INSERT INTO parcels (order_id, grams) VALUES ($1, $2)");
//!         insert.bind(event.order_id).bind(event.grams).execute(tx.sql()).await?;
//!         Ok(())
//!     }
//! }
//!
//! # async fn run() -> anyhow::Result<()> {
//! let own_tables = Migrator::with_migrations(Vec::new());
//! let (orders, shipping) = (testing::database("orders", &own_tables).await, testing::database("shipping", &own_tables).await);
//! sqlx::query("CREATE TABLE parcels (order_id uuid, grams bigint)").execute(&shipping.pool).await?;
//!
//! // Each has a relay and a router on the bus; in production that is RabbitMQ.
//! let (bus, handlers) = (MemoryBus::new(), Handlers::new().on::<OrderPlaced>(PlanParcel));
//! let publishes = [EventType::of::<OrderPlaced>()];
//! let mut orders = TestService::start(&orders, &bus, &publishes, Handlers::new(), testing::settings()).await;
//! let mut shipping = TestService::start(&shipping, &bus, &[], handlers, testing::settings()).await;
//! shipping.until_live().await;
//!
//! // The order's own row would be written here by `tx.sql()`: it and the event commit together, or neither does.
//! let mut tx = orders.database.begin().await?;
//! tx.publish(&OrderPlaced { order_id: Uuid::now_v7(), grams: 750 })?;
//! tx.commit().await?;
//! testing::settle(&mut [&mut orders, &mut shipping]).await;
//!
//! let planned: i64 = sqlx::query_scalar("SELECT grams FROM parcels").fetch_one(&shipping.database.pool).await?;
//! assert_eq!(planned, 750);
//! # Ok(())
//! # }
//! # // A Postgres is needed, which scripts/test provides.
//! # if std::env::var_os("TEST_POSTGRES_URL").is_some() {
//! #     tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
//! # }
//! ```
//!
//! To run this in production: a [`Relay`](outbox::relay::Relay), a [`Router`](router::Router) and a
//! [`Redriver`](parked::redrive::Redriver) on a [`RabbitMq`](bus::rabbitmq::RabbitMq), each a task until shutdown.

#![warn(missing_docs)]

pub mod audit;
pub mod backoff;
pub mod bus;
pub mod clock;
pub mod database;
pub mod failpoint;
pub mod failure;
pub mod handler;
pub mod health;
pub mod history;
pub mod inbox;
mod known;
mod lock;
mod log;
pub mod message;
pub mod metrics;
pub mod middleware;
mod migrate;
pub mod outbox;
pub mod parked;
pub mod poison;
pub mod prelude;
mod processing;
pub mod retention;
pub mod router;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod transaction;
pub mod unit_of_work;
pub mod wake_ups;
pub mod worker;
