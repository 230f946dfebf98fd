//! What a service counts.

pub mod scrape;
