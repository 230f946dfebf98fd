//! What must hold when everything has come to rest, whatever happened before.

use std::collections::{HashMap, HashSet};

use event::derived_id;
use messaging::database::Database;
use uuid::Uuid;

use super::{driver::Play, moves::Service};

#[derive(sqlx::FromRow)]
struct Published {
    event_id: Uuid,
    event_type: String,
    causation_id: Option<Uuid>,
    seq: i64,
}

/// The first thing that is wrong.
pub async fn judge(play: &Play<'_>) -> Result<(), String> {
    let (orders, billing) = (play.home(Service::Orders), play.home(Service::Billing));
    let (from_orders, from_billing) = (published(&orders).await, published(&billing).await);
    let (at_orders, at_billing) = (effects(&orders).await, effects(&billing).await);
    let placed = of_type(&from_orders, "order_placed");
    let invoices = of_type(&from_billing, "invoice_issued");
    let completed = of_type(&from_orders, "order_completed");
    let judgement = commits(play, &from_orders)
        .and_then(|()| once_and_in_order(&from_orders, &at_billing))
        .and_then(|()| once_and_in_order(&from_billing, &at_orders))
        .and_then(|()| follow_ups(Service::Billing, &placed, &invoices))
        .and_then(|()| follow_ups(Service::Orders, &invoices, &completed));
    judgement.map_err(|(wrong, id)| format!("{}: {wrong}", play.journal.name(id)))?;
    nothing_is_left(&orders).await?;
    nothing_is_left(&billing).await
}

/// At any moment: an inbox row says done if and only if its event is in effect.
pub async fn done_means_in_effect(play: &Play<'_>) -> Result<(), String> {
    for service in Service::ALL {
        let home = play.home(service);
        let wrong: Option<Uuid> = sqlx::query_scalar(
            "SELECT coalesce(event_id, name::uuid)
             FROM (SELECT event_id FROM inbox WHERE done_at IS NOT NULL) AS done
             FULL JOIN effects ON name::uuid = event_id
             WHERE event_id IS NULL OR name IS NULL
             LIMIT 1",
        )
        .fetch_optional(&home.pool)
        .await
        .unwrap();
        if let Some(id) = wrong {
            return Err(format!("{}: done and not in effect, or the other way round", play.journal.name(id)));
        }
    }
    Ok(())
}

/// What is wrong, with which event.
type Wrong = (&'static str, Uuid);

/// What was acknowledged to be committed has its event, and nothing else has but what answers another.
fn commits(play: &Play<'_>, published: &[Published]) -> Result<(), Wrong> {
    let committed: HashSet<Uuid> = play.committed.iter().copied().collect();
    let first = published.iter().filter(|event| event.causation_id.is_none());
    match committed.symmetric_difference(&first.map(|event| event.event_id).collect()).next() {
        Some(id) => Err(("is only committed, or only published", *id)),
        None => Ok(()),
    }
}

/// Each event has one effect, and an order's effects have the order of the publisher's outbox.
fn once_and_in_order(published: &[Published], effects: &[(Uuid, Uuid)]) -> Result<(), Wrong> {
    let sequences: HashMap<Uuid, i64> = published.iter().map(|event| (event.event_id, event.seq)).collect();
    let mut seen = HashSet::new();
    let mut last: HashMap<Uuid, i64> = HashMap::new();
    for (order, id) in effects {
        let sequence = *sequences.get(id).ok_or(("was never published", *id))?;
        if !seen.insert(*id) {
            return Err(("took effect twice", *id));
        }
        if last.insert(*order, sequence).is_some_and(|before| before > sequence) {
            return Err(("took effect after a later one of its order", *id));
        }
    }
    match published.iter().find(|event| !seen.contains(&event.event_id)) {
        Some(event) => Err(("never took effect", event.event_id)),
        None => Ok(()),
    }
}

/// Each cause has its one answer, under the id that any replay would give it.
fn follow_ups(service: Service, causes: &[&Published], answers: &[&Published]) -> Result<(), Wrong> {
    let answered: HashMap<Uuid, &&Published> =
        answers.iter().filter_map(|answer| Some((answer.causation_id?, answer))).collect();
    for cause in causes {
        let answer = answered.get(&cause.event_id).ok_or(("has no follow-up", cause.event_id))?;
        if answer.event_id != derived_id(cause.event_id, service.name(), &answer.event_type, 0) {
            return Err(("has a follow-up whose id is not derived from it", cause.event_id));
        }
    }
    if answers.len() == causes.len() { Ok(()) } else { Err(("is one of too many follow-ups", answers[0].event_id)) }
}

async fn nothing_is_left(home: &Database) -> Result<(), String> {
    let left: (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL),
                (SELECT count(*) FROM inbox WHERE done_at IS NULL),
                (SELECT count(*) FROM parked WHERE state NOT IN ('done', 'discarded'))",
    )
    .fetch_one(&home.pool)
    .await
    .unwrap();
    match left {
        (0, 0, 0) => Ok(()),
        (unpublished, not_done, unresolved) => Err(format!(
            "{}: {unpublished} rows of the outbox are unpublished, {not_done} of the inbox not done, \
             {unresolved} messages parked",
            home.service
        )),
    }
}

async fn published(home: &Database) -> Vec<Published> {
    sqlx::query_as("SELECT event_id, event_type, causation_id, seq FROM outbox ORDER BY seq")
        .fetch_all(&home.pool)
        .await
        .unwrap()
}

/// Order and event of each effect, in their order.
async fn effects(home: &Database) -> Vec<(Uuid, Uuid)> {
    sqlx::query_as("SELECT subject, name::uuid FROM effects ORDER BY id").fetch_all(&home.pool).await.unwrap()
}

fn of_type<'a>(events: &'a [Published], event_type: &str) -> Vec<&'a Published> {
    events.iter().filter(|event| event.event_type == event_type).collect()
}
