//! What `customer_created` means here.

use contracts::events::customer::CustomerCreated;
use messaging::{failure::HandlerError, handler::Handler, unit_of_work::UnitOfWork};

use crate::store;

/// Records the customer, once.
pub struct Record;

impl Handler<CustomerCreated> for Record {
    async fn handle(&self, tx: &mut UnitOfWork, event: &CustomerCreated) -> Result<(), HandlerError> {
        let (customer_id, recorded_at) = (event.customer_id, tx.now());
        // <publishes>
        if store::record(tx.sql(), customer_id, recorded_at).await? {
            tx.publish(&crate::contract::TemplateServiceRecorded { customer_id, recorded_at })?;
        }
        // </publishes>
        // <silent>
        //= store::record(tx.sql(), customer_id, recorded_at).await?;
        // </silent>
        Ok(())
    }
}
