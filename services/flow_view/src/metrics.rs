//! What this service measures beside what all do.

use contracts::{choreography, services::FLOW_VIEW};
use flow::State;
use messaging::database::Database;

use crate::store::flows;

/// Has incomplete flows sampled.
pub fn register(database: &Database) {
    let (registry, pool) = (&database.metrics.registry, database.pool.clone());
    let incomplete = registry.gauges(
        "flows_incomplete",
        ["state"],
        "Flows that have not come to their end: `running`, or `stuck` if a step is overdue; sampled",
    );
    let overdue = registry.gauges(
        "flows_overdue_steps",
        ["service"],
        "Steps of stuck flows that are overdue, by the service that should have done them; sampled",
    );
    registry.sample(move || {
        let (incomplete, overdue, pool) = (incomplete.clone(), overdue.clone(), pool.clone());
        async move {
            let states = flows::incomplete(&pool).await?;
            for state in [State::Running, State::Stuck].map(State::as_str) {
                incomplete.of([state]).set_count(count_of(&states, state));
            }
            let steps = flows::overdue_steps(&pool).await?;
            for service in choreography::services().into_iter().chain([FLOW_VIEW.name]) {
                overdue.of([service]).set_count(count_of(&steps, service));
            }
            Ok::<_, sqlx::Error>(())
        }
    });
}

fn count_of(counts: &[(String, i64)], name: &str) -> i64 {
    counts.iter().find(|(counted, _)| counted == name).map_or(0, |(_, count)| *count)
}
