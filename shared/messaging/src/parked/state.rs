//! The state of a parked message, a text in the table.
//!
//! Statements bind it as `Text(state)`, but for one case: the indexes of `parked` are partial, and Postgres uses them only
//! for a statement that has the very literals of their predicate, `state IN ('waiting', 'behind', 'dead')`, or some of them.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// The state of a parked message.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    ToSchema,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum State {
    /// The first of its subject; it is tried again.
    Waiting,
    /// Waits for an earlier one of its subject.
    Behind,
    /// Needs a person.
    Dead,
    /// Its effect is committed.
    Done,
    /// Given up by an operator.
    Discarded,
}

impl State {
    /// The states in which there is still something to do.
    pub const UNRESOLVED: [Self; 3] = [Self::Waiting, Self::Behind, Self::Dead];

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether there is nothing to do about it any more.
    pub fn is_resolved(self) -> bool {
        !Self::UNRESOLVED.contains(&self)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{migrate::Migrator, query_scalar};

    use super::*;
    use crate::{database::Database, failure::Failure, testing};

    fn texts(expression: &str) -> Vec<&str> {
        expression.split('\'').skip(1).step_by(2).collect()
    }

    async fn predicate(database: &Database, index: &str) -> String {
        query_scalar("SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = $1::regclass")
            .bind(index)
            .fetch_one(&database.pool)
            .await
            .expect("the index")
    }

    #[tokio::test]
    async fn the_table_and_its_indexes_know_the_same_states() {
        let database = testing::database("orders", &Migrator::with_migrations(Vec::new())).await;
        let allowed: String = query_scalar(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint
             WHERE conrelid = 'parked'::regclass AND conname = 'parked_state_check'",
        )
        .fetch_one(&database.pool)
        .await
        .expect("the constraint");
        assert_eq!(texts(&allowed), State::VARIANTS.iter().map(|state| state.as_str()).collect::<Vec<_>>());

        let predicate = |name: &'static str| predicate(&database, name);
        let unresolved = State::UNRESOLVED.map(State::as_str);
        for index in ["parked_unresolved", "parked_by_state", "parked_unresolved_by_seq"] {
            assert_eq!(texts(&predicate(index).await), unresolved, "{index}");
        }
        assert_eq!(texts(&predicate("parked_heads").await), [State::Waiting, State::Dead].map(State::as_str));
        let mut release = vec![State::Waiting.as_str()];
        let waits = [Failure::NoHandler, Failure::NewerVersion(2), Failure::UnknownValue(String::new())];
        release.extend(waits.iter().map(Failure::class));
        assert_eq!(texts(&predicate("parked_waits_for_a_release").await), release);
    }
}
