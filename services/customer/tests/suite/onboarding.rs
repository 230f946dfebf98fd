//! The gate.

use contracts::{
    CustomerId,
    events::customer::{CustomerDeactivated, CustomerOnboarded},
};
use uuid::Uuid;

use super::stage::Stage;

#[tokio::test]
async fn a_customer_is_onboarded_when_the_mail_is_sent_and_points_are_booked_in_any_order() {
    let mut stage = Stage::new().await;
    let (ada, bob) = (stage.register("ada@example.com").await, stage.register("bob@example.com").await);
    stage.sent(ada).await;
    stage.points(bob).await;
    assert_eq!(stage.get(ada).await["status"], "registered");
    assert_eq!(stage.get(bob).await["onboarding"]["status_points"], 100);
    assert_eq!(stage.published::<CustomerOnboarded>().await, 0);
    stage.points(ada).await;
    stage.sent(bob).await;
    for customer in [ada, bob] {
        let shown = stage.get(customer).await;
        assert_eq!(shown["status"], "onboarded");
        assert!(shown["onboarding"]["onboarded_at"].is_string());
    }
    // Facts that come again, under new ids, onboard nobody a second time.
    stage.points(ada).await;
    stage.sent(ada).await;
    assert_eq!(stage.published::<CustomerOnboarded>().await, 2);
}

#[tokio::test]
async fn deactivated_is_final_and_frees_the_address() {
    let mut stage = Stage::new().await;
    let ada = stage.register("ada@example.com").await;
    stage.failed(ada).await;
    stage.points(ada).await;
    stage.sent(ada).await;
    assert_eq!(stage.get(ada).await["status"], "deactivated");
    assert_eq!(stage.published::<CustomerDeactivated>().await, 1);
    assert_eq!(stage.published::<CustomerOnboarded>().await, 0);
    assert_ne!(stage.register("ADA@example.com").await, ada);
}

#[tokio::test]
async fn facts_about_somebody_unknown_do_nothing() {
    let mut stage = Stage::new().await;
    let nobody = CustomerId(Uuid::now_v7());
    stage.sent(nobody).await;
    stage.points(nobody).await;
    stage.failed(nobody).await;
    let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM parked").fetch_one(&stage.database.pool).await.unwrap();
    let recorded: i64 =
        sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&stage.database.pool).await.unwrap();
    assert_eq!((parked, recorded), (0, 0));
}
