//! Order per customer, whatever is late, rests or fails.

use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::{
    api::{Registration, address, send},
    eventually::eventually,
};
use uuid::Uuid;

use super::harness::Fleet;

/// A lock that a late transaction waits for at its commit.
const LATE: i64 = 4711;

#[tokio::test]
async fn a_row_whose_transaction_commits_late_is_still_published() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    // At its commit, when its row has its number in the outbox, the registration of "Late" waits for a lock of ours.
    fleet
        .database
        .execute(&format!(
            "CREATE FUNCTION customer.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF NEW.data->>'name' = 'Late' THEN PERFORM pg_advisory_xact_lock({LATE}); END IF; RETURN NEW; END $$;
             CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON customer.outbox DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION customer.wait()"
        ))
        .await?;
    let mut lock = fleet.database.connection().await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LATE).execute(&mut *lock).await?;

    let email = address("example.com");
    let late = tokio::spawn(send(fleet.api.registering(&email, "Late")));
    eventually("the late transaction waits to commit", || async {
        let waiting = format!("SELECT count(*) FROM pg_locks WHERE objid = {LATE} AND NOT granted");
        ensure!(fleet.database.count(&waiting).await? == 1, "not yet");
        Ok(())
    })
    .await?;
    let mut registrations = Vec::new();
    for _ in 0..10 {
        registrations.push(fleet.api.register(&address("example.com")).await?);
    }
    for registration in &registrations {
        fleet.until_logged("customer", "event published", registration.event_id, 1).await?;
    }
    ensure!(!late.is_finished(), "the late registration did not wait");
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(LATE).execute(&mut *lock).await?;

    let late = late.await??.registration(&email)?;
    ensure_published_after_earlier_numbers(&fleet, late.event_id, &registrations).await?;
    registrations.push(late);
    fleet.ensure_all_onboarded(&registrations).await
}

/// The scenario itself: `late` stands behind the others in the history, with a smaller number.
async fn ensure_published_after_earlier_numbers(
    fleet: &Fleet,
    late: Uuid,
    others: &[Registration],
) -> anyhow::Result<()> {
    let mut wanted: Vec<Uuid> = others.iter().map(|one| one.event_id).collect();
    wanted.push(late);
    let history = fleet.broker().await?.history("customer", &wanted).await?;
    let position = |id| history.iter().position(|event| event.id == id).context("it is there");
    for other in others {
        let (other, late) = (position(other.event_id)?, position(late)?);
        ensure!(other < late, "the late one was published at {late}, another at {other}");
        ensure!(history[late].sequence < history[other].sequence, "the late one did not draw its number first");
    }
    Ok(())
}

#[tokio::test]
async fn an_event_that_cannot_be_sent_holds_back_its_own_customer_and_nobody_else() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    fleet.service("loyalty").kill().await?;
    let held = fleet.api.register(&address("example.com")).await?;
    let free = fleet.api.register(&address("example.com")).await?;
    // As if the broker had refused an event of this customer: it rests, for an hour.
    let resting = Uuid::now_v7();
    fleet
        .database
        .execute(&format!(
            "INSERT INTO customer.outbox (event_id, event_type, version, subject, correlation_id, recorded_at, data, \
                                          attempts, next_attempt_at)
             VALUES ('{resting}', 'customer_onboarded', 1, '{key}', '{resting}', now(), '{{}}', 9, now() + '1 hour')",
            key = held.customer_id
        ))
        .await?;
    fleet.service("loyalty").start()?;
    for registration in [&held, &free] {
        fleet.api.until_status(registration.customer_id, "onboarded").await?;
    }
    let onboarded = |of: &Registration| {
        let (id, database) = (of.customer_id, &fleet.database);
        async move {
            let sql =
                format!("SELECT event_id FROM customer.outbox WHERE subject = '{id}' AND causation_id IS NOT NULL");
            anyhow::Ok(database.value(&sql).await?.as_str().context("no customer_onboarded")?.parse::<Uuid>()?)
        }
    };
    let (held, free) = (onboarded(&held).await?, onboarded(&free).await?);
    fleet.until_logged("customer", "event published", free, 1).await?;
    ensure!(!fleet.database.published("customer").await?.contains(&held), "it passed an earlier one of its customer");

    fleet.database.execute("UPDATE customer.outbox SET next_attempt_at = NULL WHERE attempts = 9").await?;
    fleet.until_logged("customer", "event published", held, 1).await?;
    fleet.ensure_histories_ordered().await
}

#[tokio::test]
async fn a_customer_s_later_events_wait_behind_a_parked_one_and_follow_in_order() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    fleet.service("loyalty").terminate(Duration::from_secs(10)).await?;
    let broken = fleet.api.register(&address("refused.test")).await?;
    let sound = fleet.api.register(&address("example.com")).await?;
    fleet.api.until_status(broken.customer_id, "deactivated").await?;
    // From now on nothing can be booked for this one customer.
    fleet
        .database
        .execute(&format!(
            "CREATE FUNCTION loyalty.fail() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'cannot be booked'; END $$;
             CREATE TRIGGER fail BEFORE INSERT ON loyalty.ledger FOR EACH ROW WHEN (NEW.customer_id = '{}')
                 EXECUTE FUNCTION loyalty.fail()",
            broken.customer_id
        ))
        .await?;
    fleet.service("loyalty").start()?;
    fleet.api.until_status(sound.customer_id, "onboarded").await?;
    let parked = eventually("both events of the customer are parked", || async {
        let parked = fleet.database.parked("loyalty").await?;
        ensure!(parked.len() == 2, "{parked:?}");
        Ok(parked)
    })
    .await?;
    ensure!(parked[0]["type"] == "customer_created" && parked[0]["state"] == "waiting", "{parked:?}");
    ensure!(parked[0]["reason"] == "database_error", "{parked:?}");
    ensure!(parked[1]["type"] == "customer_deactivated" && parked[1]["state"] == "behind", "{parked:?}");
    ensure!(fleet.api.ledger(broken.customer_id).await?.is_empty(), "something was booked");

    fleet.database.execute("DROP TRIGGER fail ON loyalty.ledger").await?;
    fleet.database.until_quiescent().await?;
    let ledger = fleet.api.ledger(broken.customer_id).await?;
    ensure!(ledger == [100, -100], "the ledger is {ledger:?}");
    ensure!(fleet.database.parked("loyalty").await?.is_empty(), "something is still parked");
    fleet.ensure_histories_ordered().await
}
