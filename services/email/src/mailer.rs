//! Hands mails to a mail server, and understands its answer.

use std::{collections::VecDeque, sync::Arc};

use futures_util::future::BoxFuture;
use lettre::Message;
use parking_lot::Mutex;

pub mod smtp;
pub mod verdict;

use smtp::Smtp;
pub use verdict::DeliveryResult;

/// Where mails go.
pub enum Mailer {
    /// An SMTP server.
    Smtp(Box<Smtp>),
    /// A test's: the results in their order, then everything is accepted.
    Fake(FakeMailer),
}

impl Mailer {
    /// Delivers `mail`; a server may take minutes.
    pub async fn deliver(&mut self, mail: &Message) -> DeliveryResult {
        match self {
            Self::Smtp(smtp) => smtp.deliver(mail).await,
            Self::Fake(mailer) => mailer.deliver(mail).await,
        }
    }
}

/// What a test's mail server will say, and what it was given. Copies share both.
#[derive(Clone, Default)]
pub struct FakeMailer {
    results: Arc<Mutex<VecDeque<DeliveryResult>>>,
    given: Arc<Mutex<Vec<String>>>,
    meanwhile: Arc<Mutex<Option<BoxFuture<'static, ()>>>>,
}

impl FakeMailer {
    /// Says `results` one after another.
    pub fn new(results: impl IntoIterator<Item = DeliveryResult>) -> Self {
        Self { results: Arc::new(Mutex::new(results.into_iter().collect())), ..Self::default() }
    }

    /// Takes its first mail only after `meanwhile` has happened.
    pub fn slow(meanwhile: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { meanwhile: Arc::new(Mutex::new(Some(Box::pin(meanwhile)))), ..Self::default() }
    }

    /// Says `result` after all others.
    pub fn then(&self, result: DeliveryResult) {
        self.results.lock().push_back(result);
    }

    /// The mails that it was given, as sent.
    pub fn given(&self) -> Vec<String> {
        self.given.lock().clone()
    }

    async fn deliver(&self, mail: &Message) -> DeliveryResult {
        let meanwhile = self.meanwhile.lock().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        let text = String::from_utf8_lossy(&mail.formatted()).into_owned();
        self.given.lock().push(text);
        self.results.lock().pop_front().unwrap_or(DeliveryResult::Accepted)
    }
}
