//! What a service has taken charge of before, by its inbox.
//!
//! An event is its type and its id together: the type says whose it is, and the broker lets nobody else publish it. An owner
//! who takes the ids of another's events keeps nobody from handling those.

use std::collections::HashSet;

use sqlx::{PgConnection, query_scalar};
use uuid::Uuid;

use crate::{database::Database, message::ReceivedMessage};

/// The ids of those `messages` that this service has never taken charge of.
pub async fn missing(database: &Database, messages: &[ReceivedMessage]) -> Result<HashSet<Uuid>, sqlx::Error> {
    let mut missing: HashSet<Uuid> = messages.iter().map(|message| message.id).collect();
    let (ids, types) = identities(messages);
    let known = query_scalar!(
        "SELECT event_id FROM inbox WHERE (event_id, event_type) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))",
        &ids,
        &types,
    )
    .fetch_all(&database.pool)
    .await?;
    for id in known {
        missing.remove(&id);
    }
    Ok(missing)
}

/// Whether the id of any of `messages` is known as that of an event of another type.
pub async fn is_of_another(sql: &mut PgConnection, messages: &[ReceivedMessage]) -> Result<bool, sqlx::Error> {
    let (ids, types) = identities(messages);
    query_scalar!(
        r#"SELECT EXISTS (SELECT FROM unnest($1::uuid[], $2::text[]) AS arrived (event_id, event_type)
                          JOIN inbox USING (event_id) WHERE inbox.event_type <> arrived.event_type) AS "exists!""#,
        &ids,
        &types,
    )
    .fetch_one(sql)
    .await
}

fn identities(messages: &[ReceivedMessage]) -> (Vec<Uuid>, Vec<String>) {
    messages.iter().map(|message| (message.id, message.exchange.clone())).unzip()
}
