//! What this service measures beside what all do.

use shared::{choreography, metrics::Registry};

use crate::{flow::State, store::flows};

/// Has incomplete flows sampled.
pub fn register(registry: &Registry) {
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
    registry.sample(move |database| {
        let (incomplete, overdue) = (incomplete.clone(), overdue.clone());
        async move {
            let states = flows::incomplete(&database.pool).await?;
            for state in [State::Running, State::Stuck].map(State::as_str) {
                incomplete.of([state]).set_count(count_of(&states, state));
            }
            let steps = flows::overdue_steps(&database.pool).await?;
            for service in choreography::services().into_iter().chain([crate::NAME]) {
                overdue.of([service]).set_count(count_of(&steps, service));
            }
            Ok(())
        }
    });
}

fn count_of(counts: &[(String, i64)], name: &str) -> i64 {
    counts.iter().find(|(counted, _)| counted == name).map_or(0, |(_, count)| *count)
}
