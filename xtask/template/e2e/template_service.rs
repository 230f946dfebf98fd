//! What `template_service` does about a registration.

use anyhow::ensure;
use e2e::{api::address, eventually::eventually};

use super::environment::api;

#[tokio::test]
async fn template_service_records_the_customer_of_a_registration() -> anyhow::Result<()> {
    let api = api()?;
    let registration = api.register(&address("example.com")).await?;
    let url = format!("{}/records/{}", api.urls("template_service").http, registration.customer_id);
    eventually("the customer is recorded", || async {
        let answer = api.get(&url).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    })
    .await
}
