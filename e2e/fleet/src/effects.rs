//! What registrations have come to in the three schemas, and what is still under way of them.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{database::Database, events, services};

/// How often each effect is there, by its name (`loyalty.ledger joining`), for each customer.
pub type Effects = HashMap<Uuid, HashMap<String, i64>>;

/// An event in its publisher's outbox.
#[derive(Clone, Debug)]
pub struct Published {
    pub event_id: Uuid,
    pub event_type: String,
    pub customer_id: Uuid,
}

impl Database {
    /// What is under way of what was recorded since `since`, with how many of it: events to be published or handled,
    /// messages parked, mails queued. Whatever concerns one of `except` (customers, or undecodable messages) is not counted.
    pub async fn under_way(&self, since: Timestamp, except: &[Uuid]) -> anyhow::Result<Vec<(String, i64)>> {
        let sql = format!(
            "SELECT what, count(*) FROM ({}) AS pending WHERE id <> ALL($2) GROUP BY what ORDER BY what",
            under_way()
        );
        let query = sqlx::query_as(AssertSqlSafe(sql)).bind(since.to_string()).bind(except);
        Ok(query.fetch_all(self.pool()).await?)
    }

    /// The effects that these customers' registrations have had.
    pub async fn effects(&self, customers: &[Uuid]) -> anyhow::Result<Effects> {
        let sql = format!("SELECT id, name, count(*) FROM ({}) AS effects GROUP BY id, name", effects());
        let rows: Vec<(Uuid, String, i64)> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(customers).fetch_all(self.pool()).await?;
        let mut effects = Effects::new();
        for (id, name, count) in rows {
            effects.entry(id).or_default().insert(name, count);
        }
        Ok(effects)
    }

    /// What `owner` has published about these customers.
    pub async fn published_about(&self, owner: &str, customers: &[Uuid]) -> anyhow::Result<Vec<Published>> {
        let sql = format!(
            "SELECT event_id, event_type, subject FROM {owner}.outbox WHERE subject = ANY($1) AND published_at IS NOT NULL"
        );
        let rows: Vec<(Uuid, String, Uuid)> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(customers).fetch_all(self.pool()).await?;
        let rows = rows.into_iter();
        Ok(rows.map(|(event_id, event_type, customer_id)| Published { event_id, event_type, customer_id }).collect())
    }

    /// How many customers there are more than addresses: registrations that were made twice.
    pub async fn registered_twice(&self, emails: &[String]) -> anyhow::Result<i64> {
        let sql = "SELECT count(*) - count(DISTINCT lower(email)) FROM customer.customers WHERE lower(email) = ANY($1)";
        Ok(sqlx::query_scalar(sql).bind(emails).fetch_one(self.pool()).await?)
    }

    /// How often, for these customers, an effect of a later event of one owner came before that of an earlier one: by the
    /// numbers in the owner's outbox, by when the subscriber was done, and by the lines of the ledger.
    pub async fn out_of_order(&self, customers: &[Uuid]) -> anyhow::Result<i64> {
        let mut violations = 0;
        for sql in orders() {
            let found: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).bind(customers).fetch_one(self.pool()).await?;
            violations += found;
        }
        Ok(violations)
    }

    /// The undecodable messages that `service` has ever parked, in one of `states`.
    pub async fn undecodable(&self, service: &str, states: &[&str]) -> anyhow::Result<Vec<Uuid>> {
        let sql = format!("SELECT event_id FROM {service}.parked WHERE subject IS NULL AND state = ANY($1)");
        Ok(sqlx::query_scalar(AssertSqlSafe(sql)).bind(states).fetch_all(self.pool()).await?)
    }

    /// How many messages of `service` are parked in `state`.
    pub async fn parked_in(&self, service: &str, state: &str) -> anyhow::Result<i64> {
        let sql = format!("SELECT count(*) FROM {service}.parked WHERE state = $1");
        Ok(sqlx::query_scalar(AssertSqlSafe(sql)).bind(state).fetch_one(self.pool()).await?)
    }

    /// How many messages were parked since `since`, in all services, and how many are dead.
    pub async fn parked_since(&self, since: Timestamp) -> anyhow::Result<(i64, i64)> {
        let parked = services().into_iter().map(|service| format!("SELECT state, parked_at FROM {service}.parked"));
        let parked: Vec<_> = parked.collect();
        let sql = format!(
            "SELECT count(*), count(*) FILTER (WHERE state = 'dead') FROM ({}) AS parked
             WHERE parked_at >= $1::timestamptz",
            parked.join(" UNION ALL ")
        );
        Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(since.to_string()).fetch_one(self.pool()).await?)
    }
}

/// `what, id` of everything under way; `$1` is since when.
fn under_way() -> String {
    let mut parts =
        vec!["SELECT 'email: mails queued' AS what, customer_id AS id FROM email.mails WHERE state = 'queued'".into()];
    for service in services() {
        parts.push(format!(
            "SELECT '{service}: to be published', subject FROM {service}.outbox WHERE published_at IS NULL"
        ));
        parts.push(format!(
            "SELECT '{service}: parked, ' || state, coalesce(subject, event_id) FROM {service}.parked
             WHERE state IN ('waiting', 'behind', 'dead')"
        ));
    }
    for (event, owner, subscribers) in events() {
        for service in subscribers {
            parts.push(format!(
                "SELECT '{service}: {event} to be handled', subject FROM {owner}.outbox AS sent
                 WHERE event_type = '{event}' AND recorded_at >= $1::timestamptz AND NOT EXISTS (
                     SELECT FROM {service}.inbox AS had WHERE had.event_id = sent.event_id AND done_at IS NOT NULL)"
            ));
        }
    }
    parts.join(" UNION ALL ")
}

/// `id, name` of every effect on the customers `$1`.
fn effects() -> String {
    let mut parts = vec![
        "SELECT id, 'customer.customers ' || status AS name FROM customer.customers WHERE id = ANY($1)".into(),
        "SELECT customer_id, 'email.mails ' || state FROM email.mails WHERE customer_id = ANY($1)".into(),
        "SELECT customer_id, 'loyalty.ledger ' || reason FROM loyalty.ledger WHERE customer_id = ANY($1)".into(),
    ];
    for owner in services() {
        parts.push(format!(
            "SELECT subject, '{owner}.outbox ' || event_type FROM {owner}.outbox WHERE subject = ANY($1)"
        ));
    }
    for (event, owner, subscribers) in events() {
        for service in subscribers {
            parts.push(format!(
                "SELECT subject, '{service}.inbox {event}' FROM {owner}.outbox JOIN {service}.inbox USING (event_id)
                 WHERE subject = ANY($1) AND outbox.event_type = '{event}' AND done_at IS NOT NULL"
            ));
        }
    }
    parts.join(" UNION ALL ")
}

/// Each counts where a customer's later event came first.
fn orders() -> Vec<String> {
    let before = |owner: &str, service: &str| {
        format!(
            "SELECT count(*) FROM (
                 SELECT done_at, lag(done_at) OVER (PARTITION BY subject ORDER BY seq) AS before
                 FROM {owner}.outbox JOIN {service}.inbox USING (event_id) WHERE subject = ANY($1)) AS handled
             WHERE done_at < before"
        )
    };
    let mut orders: Vec<_> = events()
        .into_iter()
        .flat_map(|(_, owner, services)| services.into_iter().map(move |service| (owner, service)))
        .collect();
    orders.sort_unstable();
    orders.dedup();
    let mut orders: Vec<_> = orders.into_iter().map(|(owner, service)| before(owner, service)).collect();
    orders.push(
        "SELECT count(*) FROM (
             SELECT seq, lag(seq) OVER (PARTITION BY customer_id ORDER BY id) AS before
             FROM loyalty.ledger JOIN customer.outbox USING (event_id) WHERE customer_id = ANY($1)) AS booked
         WHERE seq < before"
            .into(),
    );
    orders
}
