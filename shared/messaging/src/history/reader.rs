//! Reading one owner's history, from the cursor to the end.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::{
    Cursor, Progress,
    end::{self, End},
};
use crate::{
    bus::{BusError, CatchUpPolicy, Deliveries, Delivery, HistoryFrom, Subscriber, fill},
    message::{MAX_BATCH, ReceivedMessage},
};

/// One owner's history while it is being read.
pub(crate) struct HistoryReader {
    pub cursor: Cursor,
    pub progress: Progress,
    /// If the last reading did not get on, what is missing first may be what ended it: so many messages run alone, and
    /// are counted like those that a queue delivers again.
    pub suspicious: usize,
    first_word: Duration,
    stream: Option<Box<dyn Deliveries>>,
    /// Still to see the event before the cursor, to know that this is the stream that the cursor belongs to.
    unverified: bool,
    /// Whether the service's queue gets all that this owner publishes from now on.
    is_bound: bool,
    /// Whether there was a history the last time that it was asked for.
    exists: bool,
    search: Option<JoinHandle<Option<End>>>,
    /// Where the history ended after the queue was bound: whatever follows is in the queue as well.
    end: Option<End>,
}

/// Messages in the stream's order, and where the stream is after them.
pub(crate) struct Chunk {
    pub messages: Vec<ReceivedMessage>,
    pub cursor: Cursor,
}

impl HistoryReader {
    pub fn new(owner: &'static str, progress: Progress, policy: CatchUpPolicy) -> Self {
        let cursor = Cursor { owner, next_offset: progress.next_offset, last_event_id: progress.last_event_id };
        Self {
            suspicious: if progress.begun > 1 { MAX_BATCH } else { 0 },
            unverified: cursor.next_offset > 0,
            cursor,
            progress,
            first_word: policy.first_word,
            stream: None,
            is_bound: false,
            exists: false,
            search: None,
            end: None,
        }
    }

    /// From now on the queue is bound to all of this owner's events.
    pub fn bound(&mut self) {
        self.is_bound = true;
    }

    /// Looks for the end once the queue is bound, and opens the stream if there is one and something is to be read.
    pub async fn open(&mut self, subscriber: &mut dyn Subscriber) -> Result<(), BusError> {
        if self.is_bound && self.end.is_none() && self.search.is_none() {
            let search = end::search(subscriber, self.cursor.owner, self.first_word).await?;
            self.exists = search.is_some();
            self.search = search.map(tokio::spawn);
        }
        // What follows the end is not muted: nothing is handled before it is known.
        if self.search.is_none() && self.stream.is_none() && !self.is_finished() {
            let from = self.cursor.next_offset - i64::from(self.unverified);
            self.stream = subscriber.read_history(self.cursor.owner, HistoryFrom::Offset(from)).await?;
            self.exists = self.stream.is_some();
        }
        Ok(())
    }

    /// Sees whether the end was found; `true` if that is news, and the stream can be opened.
    pub async fn look_for_end(&mut self) -> bool {
        let Some(search) = self.search.take_if(|search| search.is_finished()) else { return false };
        // `None`: the stream broke, and is searched again.
        self.end = search.await.ok().flatten();
        let Some(end) = self.end else { return false };
        let last_read = self.cursor.next_offset - 1;
        if self.unverified && end.offset() < last_read {
            // It ends before what we have read: this is another stream.
            self.start_over().await;
        }
        if matches!(end, End::At { offset, event_id } if offset == last_read && Some(event_id) == self.cursor.last_event_id)
        {
            self.unverified = false;
        }
        true
    }

    /// The next message; `None` when the stream broke. Pending while it is not open. Cancel-safe.
    pub async fn next(&mut self) -> Option<Delivery> {
        match &mut self.stream {
            Some(stream) => stream.next().await,
            None => std::future::pending().await,
        }
    }

    /// `first` and what is buffered after it, at most `max`.
    pub async fn chunk(&mut self, first: Delivery, max: usize) -> Chunk {
        let deliveries = match &mut self.stream {
            Some(stream) => fill(first, stream.as_mut(), max),
            None => vec![first],
        };
        self.take(deliveries).await
    }

    async fn take(&mut self, deliveries: Vec<Delivery>) -> Chunk {
        let mut messages = Vec::with_capacity(deliveries.len());
        for mut delivery in deliveries {
            let offset = delivery.offset.unwrap_or_default();
            let body = std::mem::take(&mut delivery.body);
            let mut message = ReceivedMessage::new(&delivery, body);
            // In a history an ack is credit for the next message and deletes nothing; the cursor is what remembers.
            delivery.ack().await;
            if self.unverified {
                self.unverified = false;
                if offset == self.cursor.next_offset - 1 && Some(message.id) != self.cursor.last_event_id {
                    self.start_over().await;
                    break;
                }
            }
            if offset >= self.cursor.next_offset {
                message.muted = self.progress.muted && self.end.is_none_or(|end| offset <= end.offset());
                self.cursor = Cursor { next_offset: offset + 1, last_event_id: Some(message.id), ..self.cursor };
                messages.push(message);
            }
        }
        Chunk { messages, cursor: self.cursor.clone() }
    }

    /// From the first message of the stream that is there now.
    async fn start_over(&mut self) {
        self.close_stream().await;
        self.unverified = false;
        self.cursor = Cursor { next_offset: 0, last_event_id: None, ..self.cursor };
    }

    /// Whether the queue has all that follows.
    pub fn is_finished(&self) -> bool {
        self.is_bound && !self.unverified && self.end.is_some_and(|end| self.cursor.next_offset > end.offset())
    }

    /// Whether there is a binding and a stream to wait for.
    pub fn is_waiting_for_owner(&self) -> bool {
        !self.is_bound || !self.exists
    }

    pub async fn close(&mut self) {
        if let Some(search) = self.search.take() {
            search.abort();
        }
        self.close_stream().await;
    }

    async fn close_stream(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        bus::{Bus, Publisher, Topology, memory::MemoryBus},
        testing::{
            eventually,
            orders::{ORDERS, order, placed},
            stage::{envelope, message},
        },
    };

    async fn publish(publisher: &mut dyn Publisher, count: usize, time: &str) {
        for _ in 0..count {
            let id = Uuid::now_v7();
            let body = String::from_utf8(envelope(id, &placed(order(), "Ada"))).expect("JSON");
            let body = body.replace("2026-11-20T19:45:00Z", time);
            publisher.publish(vec![message("order_placed", id, body.into_bytes())]).await.expect("a bus");
        }
    }

    /// Whatever the publishers' clocks say: one dated 2099 once ended a catch-up after a tenth of what there was.
    #[tokio::test]
    async fn a_history_ends_where_it_ended_when_the_queue_was_bound_and_only_what_was_there_is_muted() {
        let bus = MemoryBus::new();
        let topology = Topology { service: "orders", publishes: ORDERS.to_vec(), reacts_to: Vec::new() };
        let mut publisher = bus.publisher(&topology);
        publisher.prepare().await.expect("a bus");
        publish(publisher.as_mut(), 1, "2099-01-01T00:00:00Z").await;
        publish(publisher.as_mut(), 2, "2026-11-20T19:45:00Z").await;
        let topology = Topology { service: "reader", publishes: Vec::new(), reacts_to: ORDERS.to_vec() };
        let mut subscriber = bus.subscriber(&topology);
        let progress = Progress { next_offset: 0, last_event_id: None, caught_up: false, muted: true, begun: 1 };
        let mut reader = HistoryReader::new("orders", progress, crate::testing::settling());
        reader.bound();
        reader.open(subscriber.as_mut()).await.expect("a history");
        eventually("the end is found", || async { reader.search.as_ref().is_some_and(JoinHandle::is_finished) }).await;
        publish(publisher.as_mut(), 2, "2020-01-01T00:00:00Z").await;
        assert!(reader.look_for_end().await);
        reader.open(subscriber.as_mut()).await.expect("a history");

        let mut read = Vec::new();
        while read.len() < 5 {
            assert_eq!(reader.is_finished(), read.len() >= 3);
            let first = reader.next().await.expect("an open stream");
            read.extend(reader.chunk(first, 1).await.messages.into_iter().map(|message| message.muted));
        }
        assert_eq!(read, [true, true, true, false, false]);
    }
}
