//! What a service's own user may not do: everything but its work.

use anyhow::ensure;
use e2e::broker::{Broker, publish};
use lapin::{
    BasicProperties, Channel,
    options::{ExchangeDeleteOptions, QueueBindOptions, QueuePurgeOptions},
    types::FieldTable,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::harness::Fleet;

#[tokio::test]
async fn loyalty_can_read_nobody_else_s_tables() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let mut loyalty = PgConnection::connect(fleet.url("LOYALTY_DATABASE_URL")?).await?;
    let own: i64 = sqlx::query_scalar("SELECT count(*) FROM loyalty.accounts").fetch_one(&mut loyalty).await?;
    ensure!(own == 0, "a fresh fleet has {own} accounts");
    for table in ["customer.customers", "customer.outbox", "email.mails", "email.recipients"] {
        let read = sqlx::query(AssertSqlSafe(format!("SELECT FROM {table}"))).execute(&mut loyalty).await;
        ensure!(is_denied(read), "loyalty can read {table}");
    }
    for statement in ["CREATE SCHEMA mine", "CREATE TABLE public.mine ()", "SET ROLE customer", "CREATE ROLE mine"] {
        let done = sqlx::query(statement).execute(&mut loyalty).await;
        ensure!(is_denied(done), "loyalty can {statement}");
    }
    Ok(())
}

/// SQLSTATE 42501, insufficient privilege.
fn is_denied<T>(result: Result<T, sqlx::Error>) -> bool {
    matches!(result, Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501"))
}

#[tokio::test]
async fn loyalty_can_forge_steal_and_destroy_nothing_on_the_broker() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let broker = Broker::connect(fleet.url("LOYALTY_AMQP_URL")?).await?;
    let nothing = BasicProperties::default;
    publish(&broker.channel().await?, "status_points_revoked", "", b"{}", nothing()).await?;

    let channel = broker.channel().await?;
    ensure_refused("forge an event", &channel, publish(&channel, "customer_created", "", b"{}", nothing()).await)?;
    let channel = broker.channel().await?;
    ensure_refused("write to a queue", &channel, publish(&channel, "", "customer", b"{}", nothing()).await)?;
    let channel = broker.channel().await?;
    let purged = channel.queue_purge("customer".into(), QueuePurgeOptions::default()).await;
    ensure_refused("purge a queue", &channel, purged)?;
    let channel = broker.channel().await?;
    let deleted = channel.exchange_delete("customer_created".into(), ExchangeDeleteOptions::default()).await;
    ensure_refused("delete an exchange", &channel, deleted)?;
    let channel = broker.channel().await?;
    let (queue, exchange) = ("customer".into(), "status_points_added".into());
    let bound =
        channel.queue_bind(queue, exchange, "".into(), QueueBindOptions::default(), FieldTable::default()).await;
    ensure_refused("bind a queue", &channel, bound)?;

    let channel = broker.channel().await?;
    let forged = publish(&channel, "status_points_added", "", b"{}", nothing().with_user_id("customer".into())).await;
    ensure!(forged.is_err(), "loyalty can speak in another's name");
    Ok(())
}

fn ensure_refused<T, E: std::fmt::Display>(what: &str, channel: &Channel, result: Result<T, E>) -> anyhow::Result<()> {
    let Err(error) = result else { anyhow::bail!("loyalty can {what}") };
    let text = format!("{error:#}");
    ensure!(text.contains("ACCESS_REFUSED") || text.contains("ACCESS-REFUSED"), "{what}: {text}");
    ensure!(!channel.status().connected(), "the channel goes on after: {what}");
    Ok(())
}
