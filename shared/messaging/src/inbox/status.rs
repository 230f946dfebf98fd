//! What the service has done with messages, and nothing of what is in them.

use serde::{Deserialize, Serialize};
use sqlx::query_as;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::database::Database;

/// What the service has done with a message.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MessageStatus {
    /// The event's id.
    pub event_id: Uuid,
    /// `handled`, or its state if it is parked: `waiting`, `behind`, `dead`, `discarded`.
    pub state: String,
    /// The class of the failure, if there was one.
    pub reason: Option<String>,
    /// How often it failed, if it did.
    pub attempts: Option<i32>,
}

/// What the service has done with those of `ids` that it ever took charge of, in no order.
pub async fn of(database: &Database, ids: &[Uuid]) -> Result<Vec<MessageStatus>, sqlx::Error> {
    query_as!(
        MessageStatus,
        r#"SELECT inbox.event_id AS "event_id!", parked.reason AS "reason?", parked.attempts AS "attempts?",
                  CASE WHEN done_at IS NOT NULL THEN 'handled' ELSE coalesce(parked.state, 'handled') END AS "state!"
           FROM inbox LEFT JOIN parked USING (event_id)
           WHERE inbox.event_id = ANY($1)"#,
        ids,
    )
    .fetch_all(&database.pool)
    .await
}
