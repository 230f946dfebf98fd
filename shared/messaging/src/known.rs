//! What a service has taken charge of before, by its inbox.

use std::collections::HashSet;

use sqlx::query_scalar;
use uuid::Uuid;

use crate::database::Database;

/// Which of `ids` this service has never taken charge of.
pub async fn missing(database: &Database, ids: &[Uuid]) -> Result<HashSet<Uuid>, sqlx::Error> {
    let mut missing: HashSet<Uuid> = ids.iter().copied().collect();
    let known =
        query_scalar!("SELECT event_id FROM inbox WHERE event_id = ANY($1)", ids).fetch_all(&database.pool).await?;
    for id in known {
        missing.remove(&id);
    }
    Ok(missing)
}
