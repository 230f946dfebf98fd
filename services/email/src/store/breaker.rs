//! The breaker: while the mail server refuses most of what it is given, all mail is kept, and one mail at a time tries.
//!
//! A refusal says that an address does not exist. A mail server whose list of users is gone says so of everybody, and each
//! refusal deactivates a customer for good. So none is believed at once: the mail is said again a little later, and refused
//! only if by then not most mails are. The rows are shared by all replicas, and whoever judges holds the breaker's row.

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::Timestamp as SqlTimestamp;
use sqlx::{PgConnection, query, query_scalar};
use uuid::Uuid;

/// What was rejected longer ago says nothing about now.
const LATELY: SignedDuration = SignedDuration::from_hours(1);

/// When the breaker opens, and for how long nothing is tried.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// So many mails rejected within an hour, while fewer than half as many were accepted, open it.
    pub rejections: i32,
    /// The rest before a mail tries whether the server is well, and between two that do.
    pub rest: SignedDuration,
}

/// What kind of 5xx it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// A verdict on the address.
    Refused,
    /// Whatever the operator has to fix.
    Misconfigured,
}

/// What follows from a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The address was refused before and is refused again, while most mails are not.
    Believed,
    /// To be said once more soon: an address is not refused by the first refusal.
    AskAgain,
    /// Nothing is believed: most mails are rejected. `opened` if it is this one that opened the breaker.
    Kept {
        /// Whether the breaker was closed until now.
        opened: bool,
    },
}

/// Judges that the mail `id` was rejected, and opens the breaker if there are too many of them.
pub async fn judge(
    sql: &mut PgConnection,
    id: Uuid,
    rejection: Rejection,
    rules: Rules,
    now: Timestamp,
) -> Result<Judgement, sqlx::Error> {
    let breaker = query!(r#"SELECT opened_at IS NOT NULL AS "open!", closed_at FROM breaker FOR UPDATE"#)
        .fetch_one(&mut *sql)
        .await?;
    let closed_at = breaker.closed_at.to_jiff();
    let again = record(sql, id, rejection, closed_at, now).await?;
    if breaker.open {
        return Ok(Judgement::Kept { opened: false });
    }
    if too_many(sql, rules, closed_at.max(now - LATELY)).await? {
        open(sql, now, now + rules.rest).await?;
        return Ok(Judgement::Kept { opened: true });
    }
    Ok(if again { Judgement::Believed } else { Judgement::AskAgain })
}

/// Notes the rejection; `true` if this mail's address was refused already since the breaker closed. A mail counts once, with
/// its first refusal, or if there is none its first 5xx: however often some few are said again, they open nothing.
async fn record(
    sql: &mut PgConnection,
    id: Uuid,
    rejection: Rejection,
    closed_at: Timestamp,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let closed_at = SqlTimestamp::from(closed_at);
    let noted = query!(
        "INSERT INTO rejections AS known (mail_id, rejected_at, accepted_before, refused)
         SELECT $1, $2, last_value, $3 FROM mails_accepted
         ON CONFLICT (mail_id) DO UPDATE
         SET (rejected_at, accepted_before, refused) = (excluded.rejected_at, excluded.accepted_before, true)
         WHERE excluded.refused AND (known.rejected_at < $4 OR NOT known.refused)",
        id,
        SqlTimestamp::from(now) as _,
        rejection == Rejection::Refused,
        closed_at as _,
    )
    .execute(sql)
    .await?;
    Ok(noted.rows_affected() == 0 && rejection == Rejection::Refused)
}

/// Whether the last rejections came, all of them after `since`, while the server accepted fewer than half as many.
async fn too_many(sql: &mut PgConnection, rules: Rules, since: Timestamp) -> Result<bool, sqlx::Error> {
    let accepted = query_scalar!(
        r#"SELECT (SELECT last_value FROM mails_accepted) - accepted_before AS "accepted!" FROM rejections
           WHERE rejected_at >= $1 ORDER BY rejected_at DESC OFFSET $2 LIMIT 1"#,
        SqlTimestamp::from(since) as _,
        i64::from(rules.rejections - 1),
    )
    .fetch_optional(sql)
    .await?;
    Ok(accepted.is_some_and(|accepted| 2 * accepted < i64::from(rules.rejections)))
}

async fn open(sql: &mut PgConnection, now: Timestamp, probe_at: Timestamp) -> Result<(), sqlx::Error> {
    let (now, probe_at) = (SqlTimestamp::from(now), SqlTimestamp::from(probe_at));
    query!("UPDATE breaker SET opened_at = $1, probe_at = $2", now as _, probe_at as _).execute(sql).await?;
    Ok(())
}

/// The server accepted a mail. If that mail was a `probe`, the breaker closes; `true` if it did.
pub async fn accepted(sql: &mut PgConnection, probe: bool, now: Timestamp) -> Result<bool, sqlx::Error> {
    query!("SELECT nextval('mails_accepted')").fetch_one(&mut *sql).await?;
    if !probe {
        return Ok(false);
    }
    let closed = query!(
        "UPDATE breaker SET opened_at = NULL, probe_at = NULL, closed_at = $1, open_for = open_for + ($1 - opened_at)
         WHERE opened_at IS NOT NULL",
        SqlTimestamp::from(now) as _,
    )
    .execute(sql)
    .await?;
    Ok(closed.rows_affected() == 1)
}

/// Whether a mail may try now whether the server is well again. Nobody else can say so before this transaction ends.
pub async fn probe_is_due(sql: &mut PgConnection, now: Timestamp) -> Result<bool, sqlx::Error> {
    let due = query_scalar!("SELECT single FROM breaker WHERE probe_at <= $1 FOR UPDATE", SqlTimestamp::from(now) as _);
    Ok(due.fetch_optional(sql).await?.is_some())
}

/// A mail is on its way: the next one tries after `next`.
pub async fn probing(sql: &mut PgConnection, next: Timestamp) -> Result<(), sqlx::Error> {
    query!("UPDATE breaker SET probe_at = $1", SqlTimestamp::from(next) as _).execute(sql).await?;
    Ok(())
}

/// Since when the breaker is open, if it is.
pub async fn opened_at(sql: &mut PgConnection) -> Result<Option<Timestamp>, sqlx::Error> {
    let opened_at = query_scalar!("SELECT opened_at FROM breaker").fetch_one(sql).await?;
    Ok(opened_at.map(SqlTimestamp::to_jiff))
}
