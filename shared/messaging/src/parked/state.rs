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
    use crate::testing;

    fn literals(expression: &str) -> Vec<State> {
        expression.split('\'').skip(1).step_by(2).map(|text| text.parse().expect("a state")).collect()
    }

    #[tokio::test]
    async fn the_table_and_its_indexes_know_the_same_states() {
        let database = testing::database("orders", &Migrator::with_migrations(Vec::new())).await;
        let allowed: Vec<String> = query_scalar(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint
             WHERE conrelid = 'parked'::regclass AND conname = 'parked_state_check'",
        )
        .fetch_all(&database.pool)
        .await
        .expect("the constraint");
        assert_eq!(allowed.iter().map(|text| literals(text)).collect::<Vec<_>>(), [State::VARIANTS]);

        let predicates: Vec<String> = query_scalar(
            "SELECT pg_get_expr(indpred, indrelid) FROM pg_index
             WHERE indexrelid IN ('parked_unresolved'::regclass, 'parked_by_state'::regclass)",
        )
        .fetch_all(&database.pool)
        .await
        .expect("the indexes");
        let unresolved = State::UNRESOLVED.to_vec();
        assert_eq!(predicates.iter().map(|text| literals(text)).collect::<Vec<_>>(), [unresolved.clone(), unresolved]);
    }
}
