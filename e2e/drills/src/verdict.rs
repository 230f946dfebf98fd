//! Compares what was acknowledged with what is there. No I/O: everything it judges by was looked up before.

use std::collections::{HashMap, HashSet};

use e2e::{api::Registration, effects::Effects};
use serde::Serialize;
use uuid::Uuid;

/// How many of a verdict's details are told; the first say what is wrong, the rest says it again.
const TOLD: usize = 5;

/// The effects of a registration that ends onboarded, each to be there once.
const ONBOARDED: [&str; 16] = [
    "customer.customers onboarded",
    "email.mails sent",
    MAIL,
    "loyalty.ledger joining",
    "customer.outbox customer_created",
    "customer.outbox customer_onboarded",
    "email.outbox welcome_email_sent",
    "loyalty.outbox status_points_added",
    "email.inbox customer_created",
    "loyalty.inbox customer_created",
    "customer.inbox welcome_email_sent",
    "customer.inbox status_points_added",
    "customer.history customer_created",
    "customer.history customer_onboarded",
    "email.history welcome_email_sent",
    "loyalty.history status_points_added",
];

/// Those of one whose address the mail server refuses: it is undone.
const UNDONE: [&str; 20] = [
    "customer.customers deactivated",
    "email.mails refused",
    "loyalty.ledger joining",
    "loyalty.ledger revocation",
    "customer.outbox customer_created",
    "customer.outbox customer_deactivated",
    "email.outbox welcome_email_failed",
    "loyalty.outbox status_points_added",
    "loyalty.outbox status_points_revoked",
    "email.inbox customer_created",
    "email.inbox customer_deactivated",
    "loyalty.inbox customer_created",
    "loyalty.inbox customer_deactivated",
    "customer.inbox welcome_email_failed",
    "customer.inbox status_points_added",
    "customer.history customer_created",
    "customer.history customer_deactivated",
    "email.history welcome_email_failed",
    "loyalty.history status_points_added",
    "loyalty.history status_points_revoked",
];

/// Of those, what is not there if the end was heard of before the beginning: nothing was booked, nothing is to be taken back.
const NEVER_BOOKED: [&str; 7] = [
    "loyalty.ledger joining",
    "loyalty.ledger revocation",
    "loyalty.outbox status_points_added",
    "loyalty.outbox status_points_revoked",
    "customer.inbox status_points_added",
    "loyalty.history status_points_added",
    "loyalty.history status_points_revoked",
];

/// A distinct mail in the mailbox, however many copies of it arrived.
pub const MAIL: &str = "mailbox mail";

/// What a drill may do, beyond nothing.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// What the broker lost is healed late: a customer's later events may have come before.
    pub may_reorder: bool,
    /// Exactly these customers' flows are not finished.
    pub victims: HashSet<Uuid>,
    /// This service has begun anew, so it has handled everything again.
    pub rebuilt: Option<&'static str>,
    /// So many messages are dead, and stay so.
    pub dead: i64,
    /// There may be no more copies of mails than these; if none are named, as many as there are.
    pub copies: Option<Copies>,
}

/// Mails that arrived more than once, under one Message-ID.
#[derive(Clone, Copy, Debug)]
pub struct Copies {
    /// After the first of each mail.
    pub in_all: usize,
    /// The first included.
    pub of_one: usize,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    /// How often each effect is there.
    pub effects: Effects,
    /// Mails that arrived again under the same Message-ID.
    pub mail_copies: usize,
    /// How often the mail came that came most often.
    pub most_copies: usize,
    /// Handlings of an event after its first in a service, by the services' logs.
    pub handled_twice: usize,
    /// Registrations that are there more than once.
    pub registered_twice: usize,
    /// Effects that came before those of an earlier event of the same customer.
    pub out_of_order: usize,
    pub parked: i64,
    pub dead: i64,
    /// Why the fleet was not quiet in the end.
    pub unrest: Vec<String>,
}

/// The outcome of a drill.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    pub drill: String,
    pub good: bool,
    pub acknowledged: usize,
    pub finished: usize,
    /// Flows that are not finished, as the drill wants it.
    pub victims: usize,
    pub effects_missing: usize,
    pub effects_doubled: usize,
    pub mails_doubled: usize,
    pub mail_copies: usize,
    pub order_violations: usize,
    pub parked: i64,
    pub dead: i64,
    pub seconds_to_recover: f64,
    pub seconds: f64,
    /// What the drill did that the numbers don't show.
    pub notes: Vec<String>,
    /// What is wrong, the first of it.
    pub wrong: Vec<String>,
}

/// Judges everything but the times.
pub fn judge(drill: &str, registrations: &[Registration], observations: &Observations, expected: &Expected) -> Verdict {
    let mut verdict = Verdict {
        drill: drill.to_owned(),
        acknowledged: registrations.len(),
        mail_copies: observations.mail_copies,
        effects_doubled: observations.handled_twice + observations.registered_twice,
        order_violations: observations.out_of_order,
        parked: observations.parked,
        dead: observations.dead,
        ..Verdict::default()
    };
    verdict.tell(observations.registered_twice, "registrations were made twice");
    verdict.tell(observations.handled_twice, "events were handled again by a service that had handled them");
    let none = HashMap::new();
    for registration in registrations {
        let effects = observations.effects.get(&registration.customer_id).unwrap_or(&none);
        verdict.add(registration, effects, expected);
    }
    if !expected.may_reorder {
        verdict.tell(observations.out_of_order, "effects came before those of an earlier event of the customer");
    }
    if let Some(Copies { in_all, of_one }) = expected.copies {
        verdict.tell(observations.mail_copies.saturating_sub(in_all), "mails came again that were answered");
        verdict.tell(observations.most_copies.saturating_sub(of_one), "copies of a mail came too many");
    }
    if observations.dead != expected.dead {
        verdict.wrong.push(format!("{} messages are dead, not {}", observations.dead, expected.dead));
    }
    verdict.wrong.extend(observations.unrest.iter().cloned());
    if registrations.is_empty() {
        verdict.wrong.push("nobody registered".into());
    }
    verdict.good = verdict.wrong.is_empty();
    let more = verdict.wrong.len().saturating_sub(TOLD);
    if more > 0 {
        verdict.wrong.truncate(TOLD);
        verdict.wrong.push(format!("and {more} more"));
    }
    verdict
}

impl Verdict {
    /// The verdict on a drill that could not be carried out.
    pub fn failed(drill: &str, error: &anyhow::Error) -> Self {
        Self { drill: drill.to_owned(), wrong: vec![format!("{error:#}")], ..Self::default() }
    }

    fn tell(&mut self, count: usize, what: &str) {
        if count > 0 {
            self.wrong.push(format!("{count} {what}"));
        }
    }

    /// One registration.
    fn add(&mut self, registration: &Registration, effects: &HashMap<String, i64>, expected: &Expected) {
        let id = registration.customer_id;
        let wanted = wanted(registration);
        let mut missing: Vec<_> = wanted.iter().copied().filter(|effect| !effects.contains_key(*effect)).collect();
        if expected.may_reorder && wanted == UNDONE && missing == NEVER_BOOKED {
            missing.clear();
        }
        self.add_doubled(id, &wanted, effects);
        let victim = expected.victims.contains(&id);
        match (victim, missing.is_empty()) {
            (false, true) => self.finished += 1,
            (true, false) => self.victims += 1,
            (true, true) => self.wrong.push(format!("customer {id} was to be a victim, and is not")),
            (false, false) => {
                self.effects_missing += missing.len();
                self.wrong.push(format!("customer {id} lacks {}", missing.join(", ")));
            }
        }
    }

    /// What is there more often than it should be, or should not be there.
    fn add_doubled(&mut self, id: Uuid, wanted: &[&str], effects: &HashMap<String, i64>) {
        for (name, count) in effects {
            let once = i64::from(wanted.contains(&name.as_str()));
            // Until the end, every customer is registered.
            if *count <= once || name == "customer.customers registered" {
                continue;
            }
            let surplus = usize::try_from(count - once).unwrap_or_default();
            if name == MAIL {
                self.mails_doubled += surplus;
            } else {
                self.effects_doubled += surplus;
            }
            self.wrong.push(format!("customer {id} has {name} {count} times instead of {once}"));
        }
    }
}

fn wanted(registration: &Registration) -> Vec<&'static str> {
    if registration.email.ends_with("@refused.test") { UNDONE.to_vec() } else { ONBOARDED.to_vec() }
}

#[cfg(test)]
mod tests;
