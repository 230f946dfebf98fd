//! What a service declares: its queue, its dead letters, its history. And what becomes of one that is there already, made
//! by another release or by hand: the broker keeps it as it is.

use std::{collections::BTreeMap, fmt};

use lapin::{
    ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use tracing::warn;

use super::{
    amqp::{dead_letters_of, history_of, is_another_kind, short, table, text},
    link::{Link, within},
};
use crate::bus::BusError;

/// After so many returns the broker gives a message up. Crashes and restarts count for every message that was unsettled,
/// so a small limit would kill innocents; without one, 4.x sends returned messages to the tail.
const DELIVERY_LIMIT: i32 = 1000;
/// The same for dead letters, which nothing is behind: what is given up there is gone.
const DEAD_LETTER_DELIVERY_LIMIT: i32 = 1_000_000;
/// How much the broker keeps for a service that is away, oldest dropped first: the histories have it for longer. A full
/// disk would stop everybody.
const QUEUE_BYTES: i64 = 1 << 30;
/// The same for its dead letters.
const DEAD_LETTER_BYTES: i64 = 1 << 28;
/// How much of a history the broker keeps at most, whatever its age.
const HISTORY_BYTES: i64 = 20 << 30;
/// Streams drop whole segments only, so those are small.
const HISTORY_SEGMENT_BYTES: i64 = 4_000_000;

/// Arguments that are limits: a queue with others keeps every promise until one of them is reached.
const LIMITS: [&str; 5] =
    ["x-delivery-limit", "x-max-length-bytes", "x-overflow", "x-max-age", "x-stream-max-segment-size-bytes"];

/// The service's queue, and where its dead letters go.
pub(super) async fn declare_queue(link: &mut Link, service: &str) -> Result<(), BusError> {
    declare_dead_letters(link, service).await?;
    let arguments = table([
        ("x-queue-type", text("quorum")),
        ("x-single-active-consumer", AMQPValue::Boolean(true)),
        ("x-delivery-limit", AMQPValue::LongInt(DELIVERY_LIMIT)),
        ("x-dead-letter-exchange", text(&dead_letters_of(service))),
        ("x-max-length-bytes", AMQPValue::LongLongInt(QUEUE_BYTES)),
        ("x-overflow", text("drop-head")),
    ]);
    declare(link, service, arguments).await
}

/// Where the broker puts what it gives up on: an exchange with a name, because dead-lettering through the default one
/// would need the right to write to any queue.
pub(super) async fn declare_dead_letters(link: &mut Link, service: &str) -> Result<(), BusError> {
    let name = dead_letters_of(service);
    let arguments = table([
        ("x-queue-type", text("quorum")),
        ("x-delivery-limit", AMQPValue::LongInt(DEAD_LETTER_DELIVERY_LIMIT)),
        ("x-max-length-bytes", AMQPValue::LongLongInt(DEAD_LETTER_BYTES)),
        ("x-overflow", text("drop-head")),
    ]);
    declare(link, &name, arguments).await?;
    let (channel, dead) = (link.channel().await?, short(&name)?);
    within(async {
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(dead.clone(), ExchangeKind::Fanout, durable, FieldTable::default()).await?;
        let (key, options) = (ShortString::default(), QueueBindOptions::default());
        channel.queue_bind(dead.clone(), dead, key, options, FieldTable::default()).await?;
        Ok(channel.close(200, "bye".into()).await?)
    })
    .await
}

/// What `service` has published.
pub(super) async fn declare_history(link: &mut Link, service: &str, days: u32) -> Result<(), BusError> {
    let arguments = table([
        ("x-queue-type", text("stream")),
        ("x-max-age", text(&format!("{days}D"))),
        ("x-max-length-bytes", AMQPValue::LongLongInt(HISTORY_BYTES)),
        ("x-stream-max-segment-size-bytes", AMQPValue::LongLongInt(HISTORY_SEGMENT_BYTES)),
    ]);
    declare(link, &history_of(service), arguments).await
}

/// A queue that is there already may have other limits: it keeps them, and will do. With anything else that differs it breaks
/// a promise, and is not used.
async fn declare(link: &mut Link, name: &str, mut arguments: FieldTable) -> Result<(), BusError> {
    let mut accepted = Vec::new();
    while let Some(refusal) = refusal(link, name, &arguments).await? {
        match Difference::read(&refusal) {
            Some(found) if LIMITS.contains(&found.argument) && accepted.len() < LIMITS.len() => {
                found.accept(&mut arguments);
                accepted.push(found.to_string());
            }
            found => {
                let difference = found.map_or_else(|| refusal.clone(), |found| found.to_string());
                return Err(BusError::Refused(format!(
                    "{name} was made with other properties ({difference}) and can't be used: stop the service, delete it, \
                     start the service again"
                )));
            }
        }
    }
    if !accepted.is_empty() && link.is_news(name) {
        let limits = accepted.join(", ");
        warn!(queue = name, limits, "was made with other limits, and keeps them until it is deleted and declared anew");
    }
    Ok(())
}

/// On a channel that may be thrown away: the broker closes it over a queue that is there with other arguments, and says
/// which is the first that differs.
async fn refusal(link: &mut Link, name: &str, arguments: &FieldTable) -> Result<Option<String>, BusError> {
    let channel = link.channel().await?;
    within(async {
        match channel.queue_declare(short(name)?, QueueDeclareOptions::durable(), arguments.clone()).await {
            Ok(_) => Ok(channel.close(200, "bye".into()).await.map(|()| None)?),
            Err(error) if is_another_kind(&error) => Ok(Some(error.to_string())),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

/// What differs, of the broker's sentence: "inequivalent arg 'x-max-age' for queue 'orders.history' in vhost '/': received
/// the value '30D' of type 'longstr' but current is the value '7D' of type 'longstr'", or "… is none".
struct Difference<'a> {
    argument: &'a str,
    /// None if it has no such argument.
    current: Option<&'a str>,
    is_text: bool,
}

impl<'a> Difference<'a> {
    fn read(refusal: &'a str) -> Option<Self> {
        let quoted = |text: &'a str| text.split('\'').nth(1);
        let (_, sentence) = refusal.split_once("inequivalent arg ")?;
        let (_, current) = sentence.split_once("but current is ")?;
        let argument = quoted(sentence)?;
        if current.starts_with("none") {
            return Some(Self { argument, current: None, is_text: false });
        }
        Some(Self { argument, current: Some(quoted(current)?), is_text: current.contains("of type 'longstr'") })
    }

    /// As it is there.
    fn accept(&self, arguments: &mut FieldTable) {
        let current = match self.current {
            Some(value) if self.is_text => text(value),
            Some(value) => value.parse().map_or(AMQPValue::Void, AMQPValue::LongLongInt),
            // lapin's table forgets nothing: it is made anew without this one.
            None => {
                let kept = arguments.inner().iter().filter(|(name, _)| name.as_str() != self.argument);
                *arguments = FieldTable::from(
                    kept.map(|(name, value)| (name.clone(), value.clone())).collect::<BTreeMap<_, _>>(),
                );
                return;
            }
        };
        arguments.insert(ShortString::from(self.argument), current);
    }
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.argument, self.current.unwrap_or("not set"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broker_s_sentence_says_what_differs() {
        let begin = "PRECONDITION_FAILED - inequivalent arg 'x-max-age' for queue 'a' in vhost '/': received ";
        for (end, shown) in [
            ("the value '30D' of type 'longstr' but current is the value '7D' of type 'longstr'", "x-max-age is 7D"),
            ("the value '30D' of type 'longstr' but current is none", "x-max-age is not set"),
            ("none but current is the value '7' of type 'signedint'", "x-max-age is 7"),
        ] {
            let refusal = format!("{begin}{end}");
            assert_eq!(Difference::read(&refusal).map(|found| found.to_string()).as_deref(), Some(shown));
        }
        assert!(Difference::read("PRECONDITION_FAILED - something else").is_none());
    }
}
