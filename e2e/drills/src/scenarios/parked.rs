//! So many parked messages that whoever walks through them is lost.

use std::time::{Duration, Instant};

use anyhow::ensure;
use client::{
    Service,
    parked::{Change, Filter, change_all},
};
use tokio::time::sleep;

use super::super::context::DrillContext;

/// For each customer of the load so many messages are parked: a million by default.
const FOR_EACH: usize = 1000;
/// How many of them are due; the rest is dead, or behind what is dead.
const DUE: usize = FOR_EACH / 5;
/// How many wait behind each dead one.
const BEHIND: usize = 39;
/// How long what is due may take.
const LIMIT: Duration = Duration::from_mins(10);

/// Events about customers whom nobody knows, muted: loyalty writes a row for each, and publishes nothing. In one statement,
/// with triggers off: as a table that was filled over weeks.
fn fill(due: usize, dead: usize) -> String {
    format!(
        r#"BEGIN;
           SET LOCAL session_replication_role = replica;
           CREATE TEMPORARY TABLE filling ON COMMIT DROP AS
           SELECT gen_random_uuid() AS event_id, gen_random_uuid() AS subject, 'waiting' AS state
           FROM generate_series(1, {due})
           UNION ALL
           SELECT gen_random_uuid(), heads.subject, CASE WHEN place = 0 THEN 'dead' ELSE 'behind' END
           FROM (SELECT gen_random_uuid() AS subject FROM generate_series(1, {dead})) AS heads,
                generate_series(0, {BEHIND}) AS place;
           INSERT INTO loyalty.inbox (event_id, id, event_type, received_at)
           SELECT event_id, gen_random_uuid(), '{EVENT}', now() FROM filling;
           INSERT INTO loyalty.parked (event_id, event_type, subject, state, body, muted, reason, error, attempts, parked_at,
                                       tried_since, next_attempt_at)
           SELECT event_id, '{EVENT}', subject, state,
                  convert_to(format('{{"specversion": "1.0", "id": "%s", "type": "{EVENT}", "source": "/customer",
                      "subject": "%s", "time": "%s", "datacontenttype": "application/json",
                      "dataschema": "/schemas/{EVENT}/1", "correlationid": "%s", "sequence": "1",
                      "data": {{"customer_id": "%s", "reason": "email_refused", "deactivated_at": "%s"}}}}',
                      event_id, subject, stamp, event_id, subject, stamp), 'UTF8'),
                  true, 'handler_transient', '', 0, now(), now(), CASE WHEN state = 'waiting' THEN now() END
           FROM filling, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS stamp;
           COMMIT"#
    )
}

const EVENT: &str = "customer_deactivated";

/// What the drill leaves would be in the way of the next one. The audit trail stays.
const CLEAN: &str = "BEGIN;
    SET LOCAL session_replication_role = replica;
    CREATE TEMPORARY TABLE strangers ON COMMIT DROP AS
        SELECT event_id, subject FROM loyalty.parked WHERE event_type = 'customer_deactivated' AND muted;
    DELETE FROM loyalty.parked WHERE event_id IN (SELECT event_id FROM strangers);
    DELETE FROM loyalty.attempts WHERE event_id IN (SELECT event_id FROM strangers);
    DELETE FROM loyalty.inbox WHERE event_id IN (SELECT event_id FROM strangers);
    DELETE FROM loyalty.accounts WHERE customer_id IN (SELECT subject FROM strangers);
    COMMIT";

/// A fifth is due and is done within minutes, while customers register; then an operator gives up the rest.
pub async fn by_the_million(context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    let (due, rest) = (context.customers() * DUE, context.customers() * (FOR_EACH - DUE));
    let dead = rest / (BEHIND + 1);
    context.say(&format!("parking {} messages", due + dead * (BEHIND + 1)));
    context.fleet.database.execute(&fill(due, dead)).await?;
    context.put_on_load();
    let began = Instant::now();
    let mut waiting = i64::MAX;
    while waiting > 0 && began.elapsed() < LIMIT {
        sleep(Duration::from_millis(500)).await;
        waiting = context.fleet.database.parked_in("loyalty", "waiting").await?;
        context.say(&format!("{waiting} are still to be tried"));
    }
    let took = began.elapsed();
    context.note(format!("{due} of {} parked messages were due and were done in {took:.0?}", due + rest));
    context.finish_load().await?;
    context.lifted();

    context.say("the operator gives up the rest");
    let began = Instant::now();
    let (filter, change) = (
        Filter { event_type: Some(EVENT.into()), ..Filter::default() },
        Change::Discard { reason: "parked by a drill".into() },
    );
    let operations = context.fleet.operations()?;
    let told = change_all(&operations, Service::named("loyalty")?, &filter, &change, |count| {
        context.say(&format!("the operator gives up the rest ({count})"));
    });
    let discarded = told.await?;
    context.note(format!("{discarded} were given up in {:.0?}", began.elapsed()));
    context.until_quiet(&[]).await;
    context.fleet.database.execute(CLEAN).await?;
    ensure!(waiting == 0, "{waiting} were not tried within {LIMIT:?}");
    ensure!(discarded == u64::try_from(dead * (BEHIND + 1))?, "{discarded} were given up");
    Ok(())
}
