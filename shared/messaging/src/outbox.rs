//! The outbox: events that are committed and not yet confirmed by the broker.

use event::{EventMeta, TraceContext};
use jiff::Timestamp;
use serde_json::value::RawValue;
use sqlx::{PgConnection, query};
use tracing::Span;
use uuid::Uuid;

pub mod relay;
pub mod republish;

/// What `publish` has written down.
#[derive(Debug)]
pub(crate) struct PendingEvent {
    pub meta: EventMeta,
    pub version: i16,
    pub time: Timestamp,
    pub trace: TraceContext,
    pub data: Box<RawValue>,
    /// The span it was published in: its log line, after the commit, belongs there.
    pub span: Span,
}

/// Takes, by `$function`, the advisory lock between relays and [`republish`]. A lock is the database's; the schema's number
/// tells services apart.
macro_rules! lock_gate {
    ($function:literal) => {
        sqlx::query_scalar!(
            "SELECT "
                + $function
                + "(hashtext('pas-de-trois outbox'),
                 (SELECT oid::bigint::bit(32)::integer FROM pg_namespace WHERE nspname = current_schema()))"
        )
    };
}

/// Writes all events of a transaction, as its last statements before COMMIT.
///
/// The lock on each key makes `seq` grow in commit order within the key, even when two transactions of one subject
/// share no row: whoever draws a number first also commits first.
pub(crate) async fn insert(
    transaction: &mut PgConnection,
    service: &str,
    events: &[PendingEvent],
) -> Result<(), sqlx::Error> {
    if events.is_empty() {
        return Ok(());
    }
    let keys = lock_keys(service, events);
    query!("SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS keys (key)", &keys)
        .execute(&mut *transaction)
        .await?;
    insert_rows(transaction, events).await
}

/// One lock per subject and service, in one order for everybody, so that no two transactions wait for each other.
fn lock_keys(service: &str, events: &[PendingEvent]) -> Vec<i64> {
    let hash = |event: &PendingEvent| {
        let (high, _) = Uuid::new_v5(&event.meta.subject, service.as_bytes()).as_u64_pair();
        high.cast_signed()
    };
    let mut keys: Vec<i64> = events.iter().map(hash).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

async fn insert_rows(transaction: &mut PgConnection, events: &[PendingEvent]) -> Result<(), sqlx::Error> {
    query!(
        "INSERT INTO outbox (event_id, event_type, version, subject, correlation_id, causation_id, recorded_at, traceparent,
                             tracestate, data)
         SELECT event_id, event_type, version, subject, correlation_id, causation_id, recorded_at, traceparent, tracestate,
                data::json
         FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::uuid[], $5::uuid[], $6::uuid[], $7::timestamptz[],
                     $8::text[], $9::text[], $10::text[]) WITH ORDINALITY
              AS rows (event_id, event_type, version, subject, correlation_id, causation_id, recorded_at, traceparent,
                       tracestate, data, position)
         ORDER BY position",
        &column(events, |event| event.meta.id),
        &column(events, |event| event.meta.event_type.clone()),
        &column(events, |event| event.version),
        &column(events, |event| event.meta.subject),
        &column(events, |event| event.meta.correlation_id),
        column(events, |event| event.meta.causation_id) as _,
        column(events, |event| jiff_sqlx::Timestamp::from(event.time)) as _,
        column(events, |event| event.trace.traceparent.clone()) as _,
        column(events, |event| event.trace.tracestate.clone()) as _,
        &column(events, |event| event.data.get().to_owned()),
    )
    .execute(transaction)
    .await?;
    Ok(())
}

fn column<T>(events: &[PendingEvent], of: fn(&PendingEvent) -> T) -> Vec<T> {
    events.iter().map(of).collect()
}

/// Whether a relay may claim in this transaction; `false` while [`republish`] is at work.
///
/// A statement of its own: what it waits out must be committed before the claim takes its snapshot.
pub(crate) async fn may_claim(transaction: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let free = lock_gate!("pg_try_advisory_xact_lock_shared").fetch_one(transaction).await?;
    Ok(free.unwrap_or_default())
}

pub(crate) use lock_gate;

#[cfg(test)]
mod tests {
    use event::{EventMeta, TraceContext};
    use serde_json::value::RawValue;
    use sqlx::{Acquire, migrate::Migrator};
    use tracing::Span;

    use super::*;
    use crate::testing;

    fn event(subject: Uuid) -> PendingEvent {
        let id = Uuid::now_v7();
        PendingEvent {
            meta: EventMeta { id, event_type: "order_placed".into(), subject, correlation_id: id, causation_id: None },
            version: 1,
            time: "2026-11-20T19:45:00Z".parse().expect("a time"),
            trace: TraceContext::default(),
            data: RawValue::from_string("{}".into()).expect("JSON"),
            span: Span::none(),
        }
    }

    /// Without the lock the second transaction would draw the later number and could commit first: its event would be
    /// published before one that the log orders ahead of it.
    #[tokio::test]
    async fn a_subject_s_second_transaction_draws_its_number_after_the_first_has_committed() {
        let database = testing::database("orders", &Migrator::with_migrations(Vec::new())).await;
        let ada = Uuid::now_v7();
        let mut first = database.pool.begin().await.expect("a transaction");
        insert(first.acquire().await.expect("a connection"), "orders", &[event(ada)]).await.expect("a row");

        let (pool, waits) = (database.pool.clone(), database.pool.clone());
        let second = tokio::spawn(async move {
            let mut second = pool.begin().await.expect("a transaction");
            insert(second.acquire().await.expect("a connection"), "orders", &[event(ada)]).await.expect("a row");
            second.commit().await.expect("committed");
        });
        let waiting = || async {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
                 WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()",
            )
            .fetch_one(&waits)
            .await
            .expect("pg_locks");
            waiting == 1
        };
        testing::eventually("the second waits for the first", waiting).await;
        assert!(!second.is_finished());

        // Another subject's transaction does not wait.
        let bob = Uuid::now_v7();
        let mut other = database.pool.begin().await.expect("a transaction");
        insert(other.acquire().await.expect("a connection"), "orders", &[event(bob)]).await.expect("a row");
        other.commit().await.expect("committed");
        first.commit().await.expect("committed");
        second.await.expect("no panic");
    }
}
