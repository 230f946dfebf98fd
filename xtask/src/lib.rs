//! What only people who change the tree need: derived files, new services, events and handlers.

pub mod generate;
pub mod scaffold;
