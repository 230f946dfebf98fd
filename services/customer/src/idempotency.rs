//! `Idempotency-Key`: a POST that is repeated answers the first 201 again, for a day.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use contracts::CustomerId;
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::Timestamp as SqlTimestamp;
use messaging::{
    database::Database,
    unit_of_work::UnitOfWork,
    worker::{Next, TurnFailed, Worker},
};
use service::problem::Problem;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, query};
use uuid::Uuid;

use crate::customer::Customer;

const HEADER: &str = "idempotency-key";
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// 1 to 255 visible ASCII characters.
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key that the request bears, if it bears one.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let bytes = value.as_bytes();
        if !(1..=255).contains(&bytes.len()) || !bytes.iter().all(u8::is_ascii_graphic) || values.next().is_some() {
            let detail = "Idempotency-Key must be one text of 1 to 255 visible ASCII characters";
            return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
        }
        Ok(Some(Self(String::from_utf8_lossy(bytes).into_owned())))
    }
}

/// What was answered before.
#[expect(clippy::struct_field_names, reason = "ids are what it holds")]
pub struct Replay {
    pub customer_id: CustomerId,
    pub event_id: Uuid,
    pub trace_id: String,
}

/// Takes `key` for this registration, or gives what was answered under it; 422 if that was for another body.
pub async fn claim(
    tx: &mut UnitOfWork,
    key: &IdempotencyKey,
    customer: &Customer,
    event_id: Uuid,
    trace_id: &str,
) -> Result<Option<Replay>, Problem> {
    let hash = body_hash(customer);
    let now = tx.now();
    let replay = Replay { customer_id: customer.id, event_id, trace_id: trace_id.to_owned() };
    if claim_key(tx.sql(), &key.0, &hash, &replay, now, now - KEPT).await? {
        return Ok(None);
    }
    let (stored_hash, replay) = find_key(tx.sql(), &key.0).await?;
    if stored_hash != hash {
        let detail = "this Idempotency-Key was used for another registration";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    Ok(Some(replay))
}

/// Of the parsed body: white space and the order of fields make no other registration. Neither can hold a NUL.
fn body_hash(customer: &Customer) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(customer.email.expose());
    hash.update([0]);
    hash.update(customer.name.expose());
    hash.finalize().to_vec()
}

/// Forgets keys that are older than a day.
pub struct Purge {
    /// Where they are.
    pub database: Database,
}

impl Worker for Purge {
    fn part(&self) -> &'static str {
        "idempotency keys"
    }

    fn trouble(&self) -> &'static str {
        "old idempotency keys can't be forgotten"
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        let forgotten = purge_keys(&self.database, self.database.clock.now() - KEPT).await?;
        Ok(Next::Within(if forgotten == 0 { Duration::from_mins(10) } else { Duration::from_millis(50) }))
    }
}

/// Takes `key`; `false` if it is taken, by a registration that is younger than `oldest`. Waits for a concurrent twin.
async fn claim_key(
    sql: &mut PgConnection,
    key: &str,
    body_hash: &[u8],
    replay: &Replay,
    now: Timestamp,
    oldest: Timestamp,
) -> Result<bool, sqlx::Error> {
    let claimed = query!(
        "INSERT INTO idempotency_keys AS taken (key, body_hash, customer_id, event_id, trace_id, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (key) DO UPDATE
            SET body_hash = excluded.body_hash, customer_id = excluded.customer_id, event_id = excluded.event_id,
                trace_id = excluded.trace_id, created_at = excluded.created_at
            WHERE taken.created_at < $7",
        key,
        body_hash,
        replay.customer_id.0,
        replay.event_id,
        replay.trace_id,
        SqlTimestamp::from(now) as _,
        SqlTimestamp::from(oldest) as _,
    )
    .execute(sql)
    .await?;
    Ok(claimed.rows_affected() == 1)
}

/// What was answered under `key`, and for which body.
async fn find_key(sql: &mut PgConnection, key: &str) -> Result<(Vec<u8>, Replay), sqlx::Error> {
    let row = query!("SELECT body_hash, customer_id, event_id, trace_id FROM idempotency_keys WHERE key = $1", key)
        .fetch_one(sql)
        .await?;
    let replay = Replay { customer_id: CustomerId(row.customer_id), event_id: row.event_id, trace_id: row.trace_id };
    Ok((row.body_hash, replay))
}

/// Forgets some of the keys that are older than `oldest`; gives how many.
async fn purge_keys(database: &Database, oldest: Timestamp) -> Result<u64, sqlx::Error> {
    let mut tx = database.begin().await?;
    let forgotten = query!(
        "DELETE FROM idempotency_keys
         WHERE key IN (SELECT key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT 1000)",
        SqlTimestamp::from(oldest) as _,
    )
    .execute(tx.sql())
    .await?;
    tx.commit().await?;
    Ok(forgotten.rows_affected())
}
