//! Looks again until a flow is at its end.

use client::output;
use std::{
    thread,
    time::{Duration, Instant},
};

use flow::logged::Flow;

/// The shortest rest between two looks; after a longer look the rest is as long.
const REST: Duration = Duration::from_millis(150);
/// For how long nothing is said.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks until all flows that are found are at their end, or `limit` is over; gives what was seen last. Then says on
/// stderr what it waits for, whenever that changes.
pub fn until_final<T>(
    limit: Duration,
    mut look: impl FnMut() -> anyhow::Result<(Vec<Flow>, T)>,
) -> anyhow::Result<(Vec<Flow>, T)> {
    let start = Instant::now();
    let mut told = String::new();
    loop {
        let began = Instant::now();
        let (flows, seen) = look()?;
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() || !flows.is_empty() && flows.iter().all(Flow::is_final) {
            return Ok((flows, seen));
        }
        let progress = progress(&flows);
        if start.elapsed() > PATIENCE && progress != told {
            output::tell(format_args!("… {progress}"));
            told = progress;
        }
        thread::sleep(began.elapsed().max(REST).min(left));
    }
}

fn progress(flows: &[Flow]) -> String {
    let unfinished = flows.iter().find(|flow| !flow.is_final());
    unfinished.map_or_else(|| "the logs know nothing of it yet".into(), |flow| flow.outcome.summary.clone())
}

#[cfg(test)]
mod tests {
    use flow::logged::fixtures::{COMPENSATED, ONBOARDED, flow};

    use super::*;

    #[test]
    fn without_a_limit_there_is_one_look() {
        let mut looks = 0;
        let (flows, ()) = until_final(Duration::ZERO, || {
            looks += 1;
            Ok((Vec::new(), ()))
        })
        .unwrap();
        assert_eq!((flows.len(), looks), (0, 1));
    }

    #[test]
    fn the_wait_is_over_as_soon_as_every_flow_is_at_its_end() {
        let dead = "30 loyalty dead customer_created handler_permanent 1\n9 customer published customer_created";
        for end in [ONBOARDED, COMPENSATED, dead] {
            let mut later = [flow("5 customer recorded customer_created"), flow(end)].into_iter();
            let look = || Ok((vec![flow(ONBOARDED), later.next().unwrap()], ()));
            let (flows, ()) = until_final(Duration::from_mins(10), look).unwrap();
            assert!(flows.iter().all(Flow::is_final) && later.next().is_none());
        }
    }
}
