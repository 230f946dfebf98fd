//! What an event is, how it looks on the wire, and the trace that it belongs to.
//!
//! An [`Event`] is a fact in the past tense with one owner and one exchange; an [`Envelope`] is that fact as a CloudEvent.

#![warn(missing_docs)]

mod envelope;
mod event;
mod trace_context;

pub use envelope::{CONTENT_TYPE, Envelope, EventMeta, MAX_SIZE, OutboxRecord};
pub use event::{Event, EventType, derived_id};
pub use trace_context::{TraceContext, trace_id};
