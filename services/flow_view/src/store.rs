//! The SQL of this service: what is seen, what services say. Flows are in `store/flows.rs`.

use event::Envelope;
use flow::{DeliveryStatus, ObservedEvent, ReportedStatus};
use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use service::inbox_status::MessageStatus;
use sqlx::{PgConnection, PgPool, query, query_scalar};
use uuid::Uuid;

pub mod flows;

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
        event.subject,
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

/// The events of the flows `correlation_ids`.
pub async fn events_of(sql: &mut PgConnection, correlation_ids: &[Uuid]) -> Result<Vec<ObservedEvent>, sqlx::Error> {
    let rows = query!(
        "SELECT event_id, event_type, owner, customer_id, correlation_id, causation_id, trace_id, sequence, recorded_at,
                seen_at
         FROM events WHERE correlation_id = ANY($1)",
        correlation_ids,
    )
    .fetch_all(sql)
    .await?;
    let seen = rows.into_iter().map(|row| ObservedEvent {
        event_id: row.event_id,
        event_type: row.event_type,
        owner: row.owner,
        customer_id: row.customer_id,
        correlation_id: row.correlation_id,
        causation_id: row.causation_id,
        trace_id: row.trace_id,
        sequence: row.sequence,
        recorded_at: row.recorded_at.to_jiff(),
        seen_at: row.seen_at.to_jiff(),
    });
    Ok(seen.collect())
}

/// What services have said about messages of the flows `correlation_ids`.
pub async fn statuses_of(
    sql: &mut PgConnection,
    correlation_ids: &[Uuid],
) -> Result<Vec<(Uuid, ReportedStatus)>, sqlx::Error> {
    let rows = query!(
        "SELECT correlation_id, event_id, service, state, reason, attempts, asked_at
         FROM delivery_statuses WHERE correlation_id = ANY($1)",
        correlation_ids,
    )
    .fetch_all(sql)
    .await?;
    let statuses = rows.into_iter().map(|row| {
        let asked_at = row.asked_at.to_jiff();
        let held = DeliveryStatus { state: row.state, reason: row.reason, attempts: row.attempts, asked_at };
        (row.correlation_id, ReportedStatus { event_id: row.event_id, service: row.service, held })
    });
    Ok(statuses.collect())
}

/// Keeps what `service` says, and marks the flow to be looked at if that is news.
pub async fn save_status(
    sql: &mut PgConnection,
    (service, correlation_id): (&str, Uuid),
    status: &MessageStatus,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    query!(
        "WITH news AS (
            INSERT INTO delivery_statuses AS known (event_id, service, correlation_id, state, reason, attempts, asked_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (event_id, service) DO UPDATE
            SET state = excluded.state, reason = excluded.reason, attempts = excluded.attempts, asked_at = $7
            WHERE (known.state, known.reason, known.attempts)
                  IS DISTINCT FROM (excluded.state, excluded.reason, excluded.attempts)
            RETURNING known.correlation_id)
         UPDATE flows SET dirty = true FROM news WHERE flows.correlation_id = news.correlation_id",
        status.event_id,
        service,
        correlation_id,
        status.state,
        status.reason,
        status.attempts,
        SqlTimestamp::from(now) as _,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// The flows in which `id` is the flow's own, an event's, a customer's or a trace's: at most `limit`.
pub async fn find(pool: &PgPool, id: Uuid, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    let trace_id = id.simple().to_string();
    query_scalar!(
        r#"SELECT DISTINCT correlation_id AS "correlation_id!" FROM (
            (SELECT correlation_id FROM events WHERE event_id = $1)
            UNION ALL (SELECT correlation_id FROM events WHERE correlation_id = $1 LIMIT 1)
            UNION ALL (SELECT correlation_id FROM events WHERE customer_id = $1 LIMIT 1000)
            UNION ALL (SELECT correlation_id FROM events WHERE trace_id = $2 LIMIT 1000)
         ) AS found LIMIT $3"#,
        id,
        trace_id,
        limit,
    )
    .fetch_all(pool)
    .await
}
