//! The mails kept in memory, newest first, the oldest dropped when there are too many.

use std::{collections::VecDeque, sync::Arc};

use jiff::Timestamp;
use mail_parser::{Addr, Message, MessageParser};
use parking_lot::{RwLock, RwLockReadGuard};
use serde::Serialize;
use uuid::Uuid;

/// A mail as it came, with what lists show of it, in Mailpit's JSON shape.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mail {
    #[serde(rename = "ID")]
    pub id: String,
    /// Without the angle brackets, as Mailpit has it.
    #[serde(rename = "MessageID")]
    pub message_id: String,
    pub from: Address,
    pub to: Vec<Address>,
    pub subject: String,
    pub created: Timestamp,
    pub size: usize,
    /// The recipients that SMTP was given: headers may say less.
    #[serde(skip)]
    recipients: Vec<String>,
    #[serde(skip)]
    pub raw: Vec<u8>,
}

/// A person in a header.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Address {
    pub name: String,
    pub address: String,
}

impl Mail {
    #[expect(clippy::disallowed_methods, reason = "the wall clock tells when a mail came; nothing depends on it")]
    fn new(recipients: Vec<String>, raw: Vec<u8>) -> Self {
        let message = MessageParser::default().parse(&raw).unwrap_or_default();
        Self {
            id: Uuid::now_v7().simple().to_string(),
            message_id: message.message_id().unwrap_or_default().to_owned(),
            from: sender(&message),
            to: addressees(&message),
            subject: message.subject().unwrap_or_default().to_owned(),
            created: Timestamp::now(),
            size: raw.len(),
            recipients,
            raw,
        }
    }

    /// Whether an address in `To` or in the envelope contains this text, in whatever case.
    pub fn is_to(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let headers = self.to.iter().map(|to| &to.address);
        headers.chain(&self.recipients).any(|address| address.to_lowercase().contains(&text))
    }
}

fn sender(message: &Message) -> Address {
    message.from().and_then(|from| from.first()).map(Address::from).unwrap_or_default()
}

fn addressees(message: &Message) -> Vec<Address> {
    message.to().map(|to| to.iter().map(Address::from).collect()).unwrap_or_default()
}

impl From<&Addr<'_>> for Address {
    fn from(addr: &Addr<'_>) -> Self {
        Self {
            name: addr.name().unwrap_or_default().to_owned(),
            address: addr.address().unwrap_or_default().to_owned(),
        }
    }
}

/// All mails, newest first.
pub struct Mailbox {
    mails: RwLock<VecDeque<Arc<Mail>>>,
    capacity: usize,
}

impl Mailbox {
    /// A mailbox that keeps so many mails.
    pub fn new(capacity: usize) -> Self {
        Self { mails: RwLock::default(), capacity }
    }

    /// Keeps a mail for these recipients.
    pub fn keep(&self, recipients: Vec<String>, raw: Vec<u8>) {
        let mail = Arc::new(Mail::new(recipients, raw));
        let mut mails = self.mails.write();
        mails.push_front(mail);
        mails.truncate(self.capacity);
    }

    /// All mails that match.
    pub fn select(&self, matches: impl Fn(&Mail) -> bool) -> Vec<Arc<Mail>> {
        self.read().iter().filter(|mail| matches(mail)).cloned().collect()
    }

    /// The mail with this id.
    pub fn get(&self, id: &str) -> Option<Arc<Mail>> {
        self.read().iter().find(|mail| mail.id == id).cloned()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Forgets every mail.
    pub fn clear(&self) {
        self.mails.write().clear();
    }

    fn read(&self) -> RwLockReadGuard<'_, VecDeque<Arc<Mail>>> {
        self.mails.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(subject: &str) -> Vec<u8> {
        format!("From: Fleet <fleet@example.com>\r\nTo: Ada <ada@example.com>\r\nSubject: {subject}\r\n\r\nhi")
            .into_bytes()
    }

    #[test]
    fn the_oldest_mail_goes_first() {
        let mailbox = Mailbox::new(2);
        for subject in ["one", "two", "three"] {
            mailbox.keep(vec![], mail(subject));
        }
        let subjects: Vec<_> = mailbox.select(|_| true).iter().map(|mail| mail.subject.clone()).collect();
        assert_eq!(subjects, ["three", "two"]);
    }

    #[test]
    fn a_blind_copy_is_found_by_its_envelope() {
        let mailbox = Mailbox::new(2);
        mailbox.keep(vec!["Bob@example.com".into()], mail("hi"));
        for (address, hits) in [("bob@EXAMPLE.com", 1), ("ada@example.com", 1), ("eve@example.com", 0)] {
            assert_eq!(mailbox.select(|mail| mail.is_to(address)).len(), hits, "{address}");
        }
    }
}
