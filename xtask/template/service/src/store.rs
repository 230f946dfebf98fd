//! The SQL of this service.

use contracts::CustomerId;
use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use sqlx::{PgConnection, query, query_scalar};

/// Records the customer; `false` if that was done before.
pub async fn record(sql: &mut PgConnection, id: CustomerId, now: Timestamp) -> Result<bool, sqlx::Error> {
    let recorded = query!(
        "INSERT INTO records (customer_id, recorded_at) VALUES ($1, $2) ON CONFLICT (customer_id) DO NOTHING",
        id.0,
        SqlTimestamp::from(now) as _,
    )
    .execute(sql)
    .await?;
    Ok(recorded.rows_affected() == 1)
}

/// When the customer was recorded, if that was done.
pub async fn recorded_at(sql: &mut PgConnection, id: CustomerId) -> Result<Option<Timestamp>, sqlx::Error> {
    let found =
        query_scalar!("SELECT recorded_at FROM records WHERE customer_id = $1", id.0).fetch_optional(sql).await?;
    Ok(found.map(SqlTimestamp::to_jiff))
}
