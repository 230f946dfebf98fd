//! What the SMTP sessions and the HTTP API share.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{mailbox::Mailbox, rules::Rules};

/// A mailbox, and how the server answers.
pub struct Sink {
    pub mailbox: Mailbox,
    pub rules: Rules,
    /// Whether SMTP is unreachable, as a server that is down: the mailbox can still be looked into.
    pub away: watch::Sender<bool>,
}

impl Sink {
    /// Keeps so many mails.
    pub fn new(max_mails: usize) -> Arc<Self> {
        let away = watch::Sender::new(false);
        Arc::new(Self { mailbox: Mailbox::new(max_mails), rules: Rules::default(), away })
    }
}
