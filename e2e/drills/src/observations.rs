//! Looks up what a drill's registrations have come to: schemas, mailbox, histories, logs.

use std::collections::{BTreeSet, HashMap, HashSet};

use e2e::{api::Registration, broker::Recorded, effects::Effects, services};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    fleet::Fleet,
    verdict::{Expected, MAIL, Observations},
};

/// Everything about `registrations`, made since `since`.
pub async fn look(
    fleet: &Fleet,
    since: Timestamp,
    registrations: &[Registration],
    expected: &Expected,
    logs_from: &HashMap<&'static str, u64>,
) -> anyhow::Result<Observations> {
    let customers: Vec<_> = registrations.iter().map(|one| one.customer_id).collect();
    let emails: Vec<_> = registrations.iter().map(|one| one.email.to_lowercase()).collect();
    let database = &fleet.database;
    let mut observations = Observations { effects: database.effects(&customers).await?, ..Observations::default() };
    (observations.mail_copies, observations.most_copies) =
        look_into_mailbox(fleet, registrations, &mut observations.effects).await?;
    observations.registered_twice = usize::try_from(database.registered_twice(&emails).await?)?;
    observations.out_of_order = usize::try_from(database.out_of_order(&customers).await?)?;
    (observations.parked, observations.dead) = database.parked_since(since).await?;
    for owner in services() {
        let rebuilt = expected.rebuilt == Some(owner);
        let events = read_history(fleet, owner, since, &customers, rebuilt, &mut observations.effects).await?;
        observations.out_of_order += disorder(events.iter().map(|event| (event.customer_id, event.sequence)));
        if !rebuilt {
            observations.handled_twice += handled_twice(fleet, owner, logs_from)?;
        }
    }
    Ok(observations)
}

/// Adds each address' distinct mails to the effects; gives how many copies of them there are, and how often the
/// one came that came most often.
async fn look_into_mailbox(
    fleet: &Fleet,
    registrations: &[Registration],
    effects: &mut Effects,
) -> anyhow::Result<(usize, usize)> {
    let by_address: HashMap<_, _> = registrations.iter().map(|one| (one.email.as_str(), one.customer_id)).collect();
    let mut mails = HashMap::<Uuid, BTreeSet<String>>::new();
    let mut times = HashMap::<String, usize>::new();
    for mail in fleet.mailbox.all().await? {
        for customer in mail.to.iter().filter_map(|to| by_address.get(to.address.as_str())) {
            mails.entry(*customer).or_default().insert(mail.message_id.clone());
            *times.entry(mail.message_id.clone()).or_default() += 1;
        }
    }
    for (customer, ids) in mails {
        effects.entry(customer).or_default().insert(MAIL.to_owned(), i64::try_from(ids.len())?);
    }
    let copies = times.values().map(|times| times - 1).sum();
    Ok((copies, times.values().copied().max().unwrap_or_default()))
}

/// Adds what is in a history to the effects; gives each event once, where it counts: at its first place. Whoever was
/// rebuilt has published everything again, under new numbers: there it is the last.
async fn read_history(
    fleet: &Fleet,
    owner: &'static str,
    since: Timestamp,
    customers: &[Uuid],
    rebuilt: bool,
    effects: &mut Effects,
) -> anyhow::Result<Vec<Recorded>> {
    let published = fleet.database.published_about(owner, customers).await?;
    let wanted: HashSet<_> = published.iter().map(|event| event.event_id).collect();
    let mut history = fleet.broker().await?.history_since(owner, since, &wanted).await?;
    if rebuilt {
        history.reverse();
    }
    let mut seen = HashSet::new();
    history.retain(|event| wanted.contains(&event.id) && seen.insert(event.id));
    if rebuilt {
        history.reverse();
    }
    for event in &history {
        let name = format!("{owner}.history {}", event.exchange);
        *effects.entry(event.customer_id).or_default().entry(name).or_default() += 1;
    }
    Ok(history)
}

/// How many events (of which customer, with which number) stand behind a later one of their customer.
fn disorder(events: impl Iterator<Item = (Uuid, i64)>) -> usize {
    let mut last = HashMap::new();
    events.filter(|(customer, sequence)| last.insert(*customer, *sequence) > Some(*sequence)).count()
}

fn handled_twice(fleet: &Fleet, service: &str, logs_from: &HashMap<&'static str, u64>) -> anyhow::Result<usize> {
    let Some((logs, offset)) = fleet.logs.as_ref().zip(logs_from.get(service)) else { return Ok(0) };
    let handled = logs.handled_since(service, *offset)?;
    Ok(handled.values().map(|count| count - 1).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_each_customer_s_own() {
        let (ada, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(disorder([(ada, 5), (bob, 1), (ada, 7), (bob, 6)].into_iter()), 0);
        assert_eq!(disorder([(ada, 7), (bob, 1), (ada, 5), (bob, 6)].into_iter()), 1);
    }
}
