//! From a registration to what came of its mail.

use contracts::{
    events::customer::{CustomerDeactivated, DeactivationReason},
    testing::hostile,
};
use email::mailer::{DeliveryResult, FakeMailer};
use jiff::SignedDuration;
use jiff_sqlx::Timestamp as SqlTimestamp;
use messaging::{health::Health, metrics::collector::Collector, testing::settle};

use super::{
    leases::end_leases,
    stage::{Stage, customer, refused},
};

#[tokio::test]
async fn a_mail_that_the_server_takes_is_sent_once_and_said_so_once() {
    let mut stage = Stage::new().await;
    let (cause, mailer) = (stage.created(customer()).await, FakeMailer::default());
    let mut sender = stage.sender(&mailer);
    assert!(sender.send_one().await.unwrap());
    assert!(!sender.send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("sent".to_owned(), 1)]);
    assert_eq!(stage.published().await, [("welcome_email_sent".to_owned(), None, cause)]);
    let [mail] = &mailer.given()[..] else { panic!("not one mail") };
    assert!(mail.contains(&format!("Message-ID: <welcome.{cause}@pasdetrois.example>")), "{mail}");
    assert!(mail.contains("multipart/alternative") && mail.contains("text/html"), "{mail}");
}

#[tokio::test]
async fn an_address_that_is_refused_twice_is_said_to_have_failed() {
    let mut stage = Stage::new().await;
    let cause = stage.created(customer()).await;
    let mut sender = stage.sender(&FakeMailer::new([refused(), refused()]));
    assert!(sender.send_one().await.unwrap());
    assert!(!sender.send_one().await.unwrap(), "not at once");
    assert!(stage.published().await.is_empty(), "not by the first refusal");
    stage.database.clock.advance(SignedDuration::from_secs(2));
    assert!(sender.send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("refused".to_owned(), 2)]);
    assert_eq!(stage.published().await, [("welcome_email_failed".to_owned(), Some("refused".to_owned()), cause)]);
}

#[tokio::test]
async fn what_is_no_verdict_on_the_address_is_kept_and_tried_again_later() {
    let mut stage = Stage::new().await;
    stage.created(customer()).await;
    let verdicts =
        [DeliveryResult::Later("451".into()), DeliveryResult::Misconfigured("535 5.7.8 bad password".into())];
    let mailer = FakeMailer::new(verdicts);
    let mut sender = stage.sender(&mailer);
    assert!(sender.send_one().await.unwrap());
    assert!(!sender.send_one().await.unwrap(), "not at once");
    stage.database.clock.advance(SignedDuration::from_secs(2));
    assert!(sender.send_one().await.unwrap());
    stage.database.clock.advance(SignedDuration::from_secs(5));
    assert!(!sender.send_one().await.unwrap(), "slowly where only the operator can help");
    assert_eq!(stage.mails().await, [("queued".to_owned(), 2)]);
    assert!(stage.published().await.is_empty());
    stage.database.clock.advance(SignedDuration::from_mins(1));
    assert!(sender.send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("sent".to_owned(), 3)]);
}

#[tokio::test]
async fn a_mail_that_could_not_be_delivered_for_three_days_has_failed() {
    let mut stage = Stage::new().await;
    let cause = stage.created(customer()).await;
    stage.database.clock.advance(SignedDuration::from_hours(72));
    let mailer = FakeMailer::default();
    assert!(stage.sender(&mailer).send_one().await.unwrap());
    assert!(mailer.given().is_empty());
    assert_eq!(stage.mails().await, [("expired".to_owned(), 1)]);
    assert_eq!(stage.published().await, [("welcome_email_failed".to_owned(), Some("expired".to_owned()), cause)]);
}

/// The server has heard the final dot and says nothing: all copies bear one id, and there is no fourth.
#[tokio::test]
async fn a_mail_that_was_perhaps_accepted_is_repeated_rarely_and_only_so_often() {
    let mut stage = Stage::new().await;
    stage.created(customer()).await;
    let mailer = FakeMailer::new([(); 9].map(|()| DeliveryResult::Perhaps("no answer".into())));
    let mut sender = stage.sender(&mailer);
    for (wait, goes_out) in [(0, true), (3, false), (4, true), (60, false), (800, true), (86400, false)] {
        stage.database.clock.advance(SignedDuration::from_secs(wait));
        assert_eq!(sender.send_one().await.unwrap(), goes_out, "after {wait} s");
    }
    assert_eq!(stage.mails().await, [("sent".to_owned(), 3)]);
    let id = |mail: &String| mail.lines().find(|line| line.starts_with("Message-ID")).map(str::to_owned);
    let ids: Vec<_> = mailer.given().iter().map(id).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| id.is_some() && *id == ids[0]), "{ids:?}");
}

/// A wrong password over a long weekend deactivates nobody.
#[tokio::test]
async fn only_time_in_which_the_server_is_willing_counts_against_a_mail() {
    for (verdict, expected) in [
        (DeliveryResult::Misconfigured("535 5.7.8 bad password".into()), "sent"),
        (DeliveryResult::Unreachable("connection refused".into()), "sent"),
        (DeliveryResult::Later("451 4.7.1 greylisted".into()), "expired"),
    ] {
        let mut stage = Stage::new().await;
        stage.created(customer()).await;
        let mailer = FakeMailer::new(vec![verdict; 800]);
        let mut sender = stage.sender(&mailer);
        let end = stage.database.clock.now() + SignedDuration::from_hours(96);
        while stage.database.clock.now() < end {
            stage.database.clock.advance(SignedDuration::from_mins(12));
            sender.send_one().await.unwrap();
        }
        // The server is well again.
        stage.database.clock.advance(SignedDuration::from_mins(15));
        let mut sender = stage.sender(&FakeMailer::default());
        sender.send_one().await.unwrap();
        assert_eq!(stage.mails().await[0].0, expected);
    }
}

#[tokio::test]
async fn a_customer_who_is_written_to_no_more_gets_no_mail_whatever_came_first() {
    let mut stage = Stage::new().await;
    let id = customer();
    let now = stage.customer.database.clock.now();
    let reason = DeactivationReason::EmailRefused;
    stage.publish(CustomerDeactivated { customer_id: id, reason, deactivated_at: now }).await;
    stage.created(id).await;
    assert_eq!(stage.mails().await, [("cancelled".to_owned(), 0)]);
    assert!(!stage.sender(&FakeMailer::default()).send_one().await.unwrap());
}

#[tokio::test]
async fn a_mail_that_makes_the_sender_panic_is_kept_and_its_neighbours_go_on() {
    let mut stage = Stage::new().await;
    stage.created(customer()).await;
    stage.created(customer()).await;
    let mut sender = stage.sender(&FakeMailer::slow(async { panic!("a library's panic") }));
    assert!(sender.send_one().await.unwrap());
    assert!(sender.send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("queued".to_owned(), 1), ("sent".to_owned(), 1)]);
}

#[tokio::test]
async fn a_sender_that_lost_its_lease_publishes_nothing() {
    let mut stage = Stage::new().await;
    stage.created(customer()).await;
    // The first sender's server takes so long that the lease ends, and another sender delivers the mail meanwhile.
    let (second, database) = (FakeMailer::default(), stage.database.clone());
    let mut other = stage.sender(&second);
    let meanwhile = async move {
        end_leases(&database).await;
        assert!(other.send_one().await.unwrap());
    };
    let first = FakeMailer::slow(meanwhile);
    assert!(stage.sender(&first).send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("sent".to_owned(), 2)]);
    assert_eq!(stage.published().await.len(), 1);
    assert_eq!(stage.counted("mail_sent_total", &[]), Some(1.0));
    assert_eq!((first.given().len(), second.given().len()), (1, 1));
}

#[tokio::test]
async fn what_became_of_mails_is_counted_and_what_is_queued_is_sampled() {
    let mut stage = Stage::new().await;
    for _ in 0..5 {
        stage.created(customer()).await;
    }
    let verdicts = [
        refused(),
        DeliveryResult::Later("451".into()),
        DeliveryResult::Misconfigured("535".into()),
        DeliveryResult::Accepted,
        DeliveryResult::Later("451".into()),
        refused(),
    ];
    let mut sender = stage.sender(&FakeMailer::new(verdicts));
    for _ in 0..5 {
        assert!(sender.send_one().await.unwrap());
    }
    sqlx::query("UPDATE mails SET next_attempt_at = $1 WHERE id IN (SELECT mail_id FROM rejections WHERE refused)")
        .bind(SqlTimestamp::from(stage.database.clock.now()))
        .execute(&stage.database.pool)
        .await
        .unwrap();
    assert!(sender.send_one().await.unwrap());
    stage.database.clock.advance(SignedDuration::from_hours(1));
    Collector::new(stage.database.clone(), Health::default()).collect_all().await;
    for (name, value) in [
        ("mail_sent_total", 1.0),
        ("mail_refused_total", 1.0),
        ("mail_expired_total", 0.0),
        ("mail_queue_messages", 3.0),
        ("mail_queue_oldest_seconds", 3600.0),
    ] {
        assert_eq!(stage.counted(name, &[]), Some(value), "{name}");
    }
    for (reason, times) in [("later", 2.0), ("refused", 1.0), ("misconfigured", 1.0)] {
        assert_eq!(stage.counted("mail_retried_total", &[("reason", reason)]), Some(times), "{reason}");
    }
    stage.database.clock.advance(SignedDuration::from_hours(72));
    assert!(sender.send_one().await.unwrap());
    assert_eq!(stage.counted("mail_expired_total", &[]), Some(1.0));
}

#[tokio::test]
async fn a_deactivated_customer_gets_no_more_mail() {
    let mut stage = Stage::new().await;
    let ada = customer();
    stage.created(ada).await;
    let (reason, deactivated_at) = (DeactivationReason::EmailExpired, stage.database.clock.now());
    stage.publish(CustomerDeactivated { customer_id: ada, reason, deactivated_at }).await;
    let mailer = FakeMailer::default();
    assert!(!stage.sender(&mailer).send_one().await.unwrap());
    assert_eq!(stage.mails().await, [("cancelled".to_owned(), 0)]);
}

#[tokio::test]
async fn an_event_that_comes_again_after_the_inbox_was_purged_mails_nobody() {
    let mut stage = Stage::new().await;
    stage.created(customer()).await;
    let mailer = FakeMailer::default();
    assert!(stage.sender(&mailer).send_one().await.unwrap());
    sqlx::query("DELETE FROM inbox").execute(&stage.database.pool).await.unwrap();
    sqlx::query("UPDATE outbox SET published_at = NULL").execute(&stage.customer.database.pool).await.unwrap();
    settle(&mut [&mut stage.customer, &mut stage.email]).await;
    assert!(!stage.sender(&mailer).send_one().await.unwrap());
    assert_eq!(mailer.given().len(), 1);
}

#[tokio::test]
async fn a_muted_mail_is_never_sent() {
    let mut stage = Stage::new().await;
    // So that the registration is known by the replay only.
    stage.bus.unbind(email::SERVICE.name);
    stage.created(customer()).await;
    stage.replay(true).await;
    let mailer = FakeMailer::default();
    let mut sender = stage.sender(&mailer);
    assert!(!sender.send_one().await.unwrap());
    // Its row stays, so a replay that is not muted does not make up for it, even if the inbox has forgotten the event.
    sqlx::query("DELETE FROM inbox").execute(&stage.database.pool).await.unwrap();
    stage.replay(false).await;
    assert!(!sender.send_one().await.unwrap());
    assert!(mailer.given().is_empty());
    assert_eq!(stage.mails().await, [("muted".to_owned(), 0)]);
    assert!(stage.published().await.is_empty());
}

#[tokio::test]
async fn texts_that_no_customer_could_have_registered_are_dead_with_a_reason_and_block_no_other() {
    let mut stage = Stage::new().await;
    let (events, expected): (Vec<_>, Vec<_>) = hostile(stage.customer.database.clock.now()).into_iter().unzip();
    for event in events {
        stage.publish(event).await;
    }
    let dead: Vec<(String, String, String)> = sqlx::query_as("SELECT state, reason, error FROM parked ORDER BY seq")
        .fetch_all(&stage.email.database.pool)
        .await
        .unwrap();
    for ((state, reason, error), expected) in dead.iter().zip(expected) {
        assert_eq!((state.as_str(), reason.as_str()), ("dead", "undecodable"));
        assert!(error.contains(expected) && !error.contains("eve"), "{error}");
    }
    assert_eq!(dead.len(), 3);
    stage.created(customer()).await;
    let mailer = FakeMailer::default();
    assert!(stage.sender(&mailer).send_one().await.unwrap());
    assert_eq!(mailer.given().len(), 1);
}
