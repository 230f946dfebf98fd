//! The database as an operator sees it: what is still under way, and what the tables hold.

use anyhow::{Context, ensure};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool, Row, postgres::PgPoolOptions};
use uuid::Uuid;

use crate::{eventually::eventually, services};

/// A superuser's connections to the fleet's database.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
}

impl Database {
    /// The database at `url`; connects when it is asked, so it may be away now and then.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self { pool: PgPoolOptions::new().max_connections(3).connect_lazy(url)? })
    }

    /// A connection of its own, for locks and open transactions.
    pub async fn connection(&self) -> anyhow::Result<sqlx::pool::PoolConnection<sqlx::Postgres>> {
        Ok(self.pool.acquire().await?)
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Runs statements.
    pub async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.with_context(|| sql.to_owned())?;
        Ok(())
    }

    /// The one value that a query gives, as JSON.
    pub async fn value(&self, sql: &str) -> anyhow::Result<Value> {
        let wrapped = format!("SELECT to_json(({sql}))");
        let row = sqlx::query(AssertSqlSafe(wrapped)).fetch_one(&self.pool).await.with_context(|| sql.to_owned())?;
        Ok(row.try_get::<Option<Value>, _>(0)?.unwrap_or_default())
    }

    /// The number that a query gives.
    pub async fn count(&self, sql: &str) -> anyhow::Result<i64> {
        self.value(sql).await?.as_i64().with_context(|| format!("no number: {sql}"))
    }

    /// The ids of all published events of `owner`.
    pub async fn published(&self, owner: &str) -> anyhow::Result<Vec<Uuid>> {
        let sql = format!("SELECT event_id FROM {owner}.outbox WHERE published_at IS NOT NULL");
        Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&self.pool).await?)
    }

    /// Waits until nothing is under way: every event published, handled by everybody it concerns, no mail queued.
    pub async fn until_quiescent(&self) -> anyhow::Result<()> {
        eventually("nothing is under way", || async {
            let under_way = self.under_way(Timestamp::UNIX_EPOCH, &[]).await?;
            ensure!(under_way.is_empty(), "{under_way:?}");
            Ok(())
        })
        .await
    }

    /// The contents of every table but where the histories have been read to, which copies move.
    pub async fn snapshot(&self) -> anyhow::Result<Vec<(String, Value)>> {
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
             WHERE schemaname = ANY($1) AND tablename <> 'history' ORDER BY 1",
        )
        .bind(services())
        .fetch_all(&self.pool)
        .await?;
        let mut snapshot = Vec::new();
        for table in tables {
            let rows = self.value(&format!("SELECT json_agg(t ORDER BY t::text) FROM {table} AS t")).await?;
            snapshot.push((table, rows));
        }
        Ok(snapshot)
    }

    /// What is parked in `service` and not resolved, oldest first: type, state, reason, subject.
    pub async fn parked(&self, service: &str) -> anyhow::Result<Vec<Value>> {
        let rows = self
            .value(&format!(
                "SELECT json_agg(json_build_object('type', event_type, 'state', state, 'reason', reason, 'subject', subject, \
                                                   'error', error) ORDER BY seq)
                 FROM {service}.parked WHERE state IN ('waiting', 'behind', 'dead')"
            ))
            .await?;
        Ok(rows.as_array().cloned().unwrap_or_default())
    }
}
