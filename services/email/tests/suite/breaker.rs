//! A mail server that rejects most of what it is given deactivates nobody; it opens the breaker, here with four mails.

use email::{
    breaker::Breaker,
    mailer::{DeliveryResult, FakeMailer},
    metrics::MailMetrics,
    sender::Sender,
};
use jiff::SignedDuration;
use messaging::worker::{Next, Worker};

use super::stage::{Stage, customer, refused};

const REST: SignedDuration = SignedDuration::from_secs(60);

fn misconfigured() -> DeliveryResult {
    DeliveryResult::Misconfigured("535 5.7.8 bad password".into())
}

impl Stage {
    async fn with_mails(mails: usize) -> Self {
        let mut stage = Self::new().await;
        for _ in 0..mails {
            stage.created(customer()).await;
        }
        stage
    }

    /// How many mails are in `state`.
    async fn count(&self, state: &str) -> usize {
        self.mails().await.iter().filter(|(known, _)| known == state).count()
    }

    fn advance(&self, by: SignedDuration) {
        self.database.clock.advance(by);
    }

    async fn is_open(&self) -> bool {
        let sql = "SELECT opened_at IS NOT NULL FROM breaker";
        sqlx::query_scalar(sql).fetch_one(&self.database.pool).await.unwrap()
    }
}

/// Sends whatever is due; gives how many.
async fn send_all(sender: &mut Sender) -> usize {
    let mut sent = 0;
    while sender.send_one().await.unwrap() {
        sent += 1;
    }
    sent
}

/// The server's list of users is gone, and comes back.
#[tokio::test]
async fn a_burst_of_refusals_deactivates_nobody_and_ends_by_itself() {
    let stage = Stage::with_mails(6).await;
    let server = FakeMailer::new([(); 5].map(|()| refused()));
    let mut sender = stage.sender(&server);
    assert_eq!(send_all(&mut sender).await, 4, "the fifth is kept");
    stage.advance(REST - SignedDuration::from_secs(1));
    assert_eq!(send_all(&mut sender).await, 0, "everything rests");
    stage.advance(SignedDuration::from_secs(1));
    assert_eq!(send_all(&mut sender).await, 1, "one mail tries");
    assert!(stage.is_open().await, "and was refused");
    // The server is well again.
    stage.advance(REST);
    send_all(&mut sender).await;
    assert!(!stage.is_open().await);
    stage.advance(SignedDuration::from_mins(15));
    send_all(&mut sender).await;
    assert_eq!(stage.count("sent").await, 6);
    assert!(stage.published().await.iter().all(|(event, ..)| event == "welcome_email_sent"));
}

/// A form gets typos and jokes: a third of the addresses may be bad.
#[tokio::test]
async fn bad_addresses_among_good_ones_are_refused_as_before() {
    let stage = Stage::with_mails(18).await;
    let verdicts = (0..18).map(|mail| if mail % 3 == 2 { refused() } else { DeliveryResult::Accepted });
    let server = FakeMailer::new(verdicts.chain([(); 6].map(|()| refused())));
    let mut sender = stage.sender(&server);
    assert_eq!(send_all(&mut sender).await, 18);
    stage.advance(SignedDuration::from_secs(2));
    assert_eq!(send_all(&mut sender).await, 6, "asked once more");
    assert_eq!((stage.count("sent").await, stage.count("refused").await), (12, 6));
    assert!(!stage.is_open().await);
}

/// Somebody tries a bad address again and again, or one mail has a bad day: that is no burst.
#[tokio::test]
async fn one_mail_counts_once_however_often_it_is_rejected() {
    let stage = Stage::with_mails(1).await;
    let server = FakeMailer::new(vec![misconfigured(); 20]);
    let mut sender = stage.sender(&server);
    for _ in 0..20 {
        send_all(&mut sender).await;
        stage.advance(SignedDuration::from_mins(13));
    }
    assert!(!stage.is_open().await);
}

/// A replica that had a mail under way when another's verdict opened the breaker believes its own no more than that one's.
#[tokio::test]
async fn a_refusal_that_comes_while_the_breaker_is_open_is_kept() {
    let stage = Stage::with_mails(5).await;
    let mut first = stage.sender(&FakeMailer::new([refused()]));
    assert!(first.send_one().await.unwrap());
    stage.advance(SignedDuration::from_secs(2));
    let mut other = stage.sender(&FakeMailer::new([(); 9].map(|()| refused())));
    let meanwhile = FakeMailer::slow(async move {
        send_all(&mut other).await;
    });
    meanwhile.then(refused());
    assert!(stage.sender(&meanwhile).send_one().await.unwrap());
    assert!(stage.is_open().await);
    assert_eq!(stage.count("queued").await, 5);
    assert!(stage.published().await.is_empty());
}

/// A wrong password: nobody would be deactivated, and still nothing else is tried while the server rejects everything.
#[tokio::test]
async fn a_burst_of_what_the_operator_must_fix_opens_it_as_well() {
    let stage = Stage::with_mails(7).await;
    let mut sender = stage.sender(&FakeMailer::new([(); 5].map(|()| misconfigured())));
    assert_eq!(send_all(&mut sender).await, 4);
    stage.advance(REST);
    assert_eq!(send_all(&mut sender).await, 1);
    stage.advance(REST);
    assert!(send_all(&mut sender).await >= 2, "one tries, and the rest follows");
    assert_eq!(stage.count("queued").await, 7 - stage.count("sent").await);
    assert!(!stage.is_open().await);
}

/// What an operator never mends (a domain that blocks us) must not keep the others' mail back again and again.
#[tokio::test]
async fn what_stays_misconfigured_opens_it_once() {
    let stage = Stage::with_mails(5).await;
    let mut blocked = stage.sender(&FakeMailer::new(vec![misconfigured(); 4]));
    send_all(&mut blocked).await;
    stage.advance(REST);
    send_all(
        &mut stage.sender(&FakeMailer::new([DeliveryResult::Accepted].into_iter().chain(vec![misconfigured(); 4]))),
    )
    .await;
    assert!(!stage.is_open().await);
    stage.advance(SignedDuration::from_mins(20));
    let mut sender = stage.sender(&FakeMailer::new(vec![misconfigured(); 4]));
    assert_eq!(send_all(&mut sender).await, 4);
    assert!(!stage.is_open().await);
}

/// Three days and more without a server that can be believed.
#[tokio::test]
async fn time_in_which_the_breaker_is_open_counts_against_no_mail() {
    let mut stage = Stage::with_mails(6).await;
    send_all(&mut stage.sender(&FakeMailer::new([(); 4].map(|()| refused())))).await;
    stage.advance(SignedDuration::from_hours(96));
    // Queued while it is open: only what comes after counts here.
    stage.customer.database.clock.advance(SignedDuration::from_hours(96));
    stage.created(customer()).await;
    send_all(&mut stage.sender(&FakeMailer::default())).await;
    stage.advance(SignedDuration::from_mins(15));
    send_all(&mut stage.sender(&FakeMailer::default())).await;
    assert_eq!(stage.count("sent").await, 7);
    // The time that it was open before is not a present to later mails.
    stage.created(customer()).await;
    stage.advance(SignedDuration::from_hours(73));
    send_all(&mut stage.sender(&FakeMailer::default())).await;
    assert_eq!(stage.count("expired").await, 1);
}

#[tokio::test]
async fn an_open_breaker_is_seen_in_readiness_and_as_a_metric() {
    let stage = Stage::with_mails(4).await;
    let mut breaker = Breaker::new(stage.database.clone(), MailMetrics::register(&stage.database));
    assert!(matches!(breaker.turn().await, Ok(Next::Within(_))));
    assert_eq!(stage.counted("mail_breaker_open", &[]), Some(0.0));
    send_all(&mut stage.sender(&FakeMailer::new([(); 4].map(|()| refused())))).await;
    let said = breaker.turn().await.unwrap_err().to_string();
    assert!(said.contains("rejects most mails"), "{said}");
    assert_eq!(stage.counted("mail_breaker_open", &[]), Some(1.0));
}
