//! The outbox: events that are committed and not yet confirmed by the broker.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::unit_of_work::PendingEvent;

pub mod relay;

/// Writes all events of a transaction, as its last statements before COMMIT.
///
/// The lock on each key makes `seq` grow in commit order within the key, even when two transactions of one customer
/// share no row: whoever draws a number first also commits first.
pub(crate) async fn insert(
    transaction: &mut PgConnection,
    service: &str,
    events: &[PendingEvent],
) -> Result<(), sqlx::Error> {
    if events.is_empty() {
        return Ok(());
    }
    sqlx::query("SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS keys (key)")
        .bind(lock_keys(service, events))
        .execute(&mut *transaction)
        .await?;
    insert_rows(transaction, events).await
}

/// One lock per customer and service, in one order for everybody, so that no two transactions wait for each other.
fn lock_keys(service: &str, events: &[PendingEvent]) -> Vec<i64> {
    let hash = |event: &PendingEvent| {
        let (high, _) = Uuid::new_v5(&event.meta.customer_id.0, service.as_bytes()).as_u64_pair();
        high.cast_signed()
    };
    let mut keys: Vec<i64> = events.iter().map(hash).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

async fn insert_rows(transaction: &mut PgConnection, events: &[PendingEvent]) -> Result<(), sqlx::Error> {
    let column = |of: fn(&PendingEvent) -> Uuid| events.iter().map(of).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO outbox (event_id, event_type, version, key, correlation_id, causation_id, recorded_at, traceparent, \
                             tracestate, data)
         SELECT event_id, event_type, version, key, correlation_id, causation_id, recorded_at, traceparent, tracestate, \
                data::json
         FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::uuid[], $5::uuid[], $6::uuid[], $7::timestamptz[], \
                     $8::text[], $9::text[], $10::text[]) WITH ORDINALITY
              AS rows (event_id, event_type, version, key, correlation_id, causation_id, recorded_at, traceparent, \
                       tracestate, data, position)
         ORDER BY position",
    )
    .bind(column(|event| event.meta.id))
    .bind(events.iter().map(|event| event.meta.event_type.clone()).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.version).collect::<Vec<_>>())
    .bind(column(|event| event.meta.customer_id.0))
    .bind(column(|event| event.meta.correlation_id))
    .bind(events.iter().map(|event| event.meta.causation_id).collect::<Vec<_>>())
    .bind(events.iter().map(|event| jiff_sqlx::Timestamp::from(event.time)).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.trace.traceparent.clone()).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.trace.tracestate.clone()).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.data.get().to_owned()).collect::<Vec<_>>())
    .execute(transaction)
    .await?;
    Ok(())
}
