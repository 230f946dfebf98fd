//! The SQL of this service.

use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use shared::event::Envelope;
use sqlx::{PgConnection, query};

/// Keeps `event` and marks its flow to be looked at, in one statement. Seen again it does nothing.
pub async fn see(sql: &mut PgConnection, event: &Envelope, seen_at: Timestamp) -> Result<(), sqlx::Error> {
    query!(
        "WITH new AS (
            INSERT INTO events (event_id, event_type, owner, customer_id, correlation_id, causation_id, trace_id,
                                sequence, recorded_at, seen_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (event_id) DO NOTHING
            RETURNING correlation_id, recorded_at)
         INSERT INTO flows AS known (correlation_id, began_at, since)
         SELECT correlation_id, recorded_at, recorded_at FROM new
         ON CONFLICT (correlation_id) DO UPDATE
         SET dirty = true, began_at = least(known.began_at, excluded.began_at)",
        event.id,
        event.event_type,
        event.source.trim_start_matches('/'),
        event.subject.0,
        event.correlation_id,
        event.causation_id,
        event.trace.trace_id(),
        event.sequence,
        SqlTimestamp::from(event.time) as _,
        SqlTimestamp::from(seen_at) as _,
    )
    .execute(sql)
    .await?;
    Ok(())
}
