//! Where a history ends, as of now: an offset, and never a silence or a clock.
//!
//! AMQP tells it in one way only: a consumer of the `last` chunk gets what is in it, which is there at once or not at all.
//! So a pause means that the chunk is over; that a stream is empty, only a long one can say.

use std::time::Duration;

use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    bus::{BusError, Deliveries, HistoryFrom, Subscriber},
    message::ReceivedMessage,
};

/// The pause that ends a chunk: its messages come at once.
const CHUNK_IS_OVER: Duration = Duration::from_millis(250);
/// How many messages it may have at most before the search ends all the same: a stream that grows has an end, too.
const MOST: usize = 10_000;

/// Where a history ended when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// There is nothing in it.
    Empty,
    /// The last message.
    At {
        /// Its offset.
        offset: i64,
        /// The event's id.
        event_id: Uuid,
    },
}

impl End {
    /// The last offset; -1 if there is none.
    pub fn offset(self) -> i64 {
        match self {
            Self::Empty => -1,
            Self::At { offset, .. } => offset,
        }
    }
}

/// Begins to look for the end of `owner`'s history; `None` if there is no such history. What comes is `None` if the
/// stream broke. A stream that shows nothing within `first_word` is empty.
pub(crate) async fn search(
    subscriber: &mut dyn Subscriber,
    owner: &'static str,
    first_word: Duration,
) -> Result<Option<impl Future<Output = Option<End>> + Send + use<>>, BusError> {
    let stream = subscriber.read_history(owner, HistoryFrom::Last).await?;
    Ok(stream.map(|stream| find(stream, first_word)))
}

async fn find(mut stream: Box<dyn Deliveries>, first_word: Duration) -> Option<End> {
    let mut end = End::Empty;
    let mut patience = first_word;
    for _ in 0..MOST {
        match timeout(patience, stream.next()).await {
            Ok(Some(mut delivery)) => {
                let offset = delivery.offset.unwrap_or_default();
                let body = std::mem::take(&mut delivery.body);
                end = End::At { offset, event_id: ReceivedMessage::new(&delivery, body).id };
                // Credit for the next one; it deletes nothing.
                delivery.ack().await;
                patience = CHUNK_IS_OVER;
            }
            Ok(None) => return None,
            Err(_) => break,
        }
    }
    stream.close().await;
    Some(end)
}
