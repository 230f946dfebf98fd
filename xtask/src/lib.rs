//! What only people who change the tree need: new services, events and handlers.

pub mod scaffold;
