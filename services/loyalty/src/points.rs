//! What a customer's facts mean for the ledger.

use contracts::events::{
    customer::{CustomerCreated, CustomerDeactivated},
    loyalty::{StatusPointsAdded, StatusPointsRevoked},
};
use messaging::{failure::HandlerError, handler::Handler, unit_of_work::UnitOfWork};

use crate::{
    account::{JOINING_POINTS, Reason},
    store::{self, Booking},
};

/// A customer registered: joining points, unless the registration was undone before we heard of it.
pub struct Join;

impl Handler<CustomerCreated> for Join {
    async fn handle(&self, tx: &mut UnitOfWork, event: &CustomerCreated) -> Result<(), HandlerError> {
        let (customer_id, booked_at) = (event.customer_id, tx.now());
        if !store::open(tx.sql(), customer_id, booked_at).await? {
            return Ok(());
        }
        let booking = Booking::answering(tx, JOINING_POINTS, Reason::Joining)?;
        if store::book(tx.sql(), customer_id, &booking).await? {
            let balance = store::balance(tx.sql(), customer_id).await?;
            tx.publish(&StatusPointsAdded { customer_id, points: JOINING_POINTS, balance, booked_at })?;
        }
        Ok(())
    }
}

/// The registration was undone: so are the points.
pub struct Revoke;

impl Handler<CustomerDeactivated> for Revoke {
    async fn handle(&self, tx: &mut UnitOfWork, event: &CustomerDeactivated) -> Result<(), HandlerError> {
        let (customer_id, booked_at) = (event.customer_id, tx.now());
        if !store::close(tx.sql(), customer_id, booked_at).await? {
            return Ok(());
        }
        let points = store::balance(tx.sql(), customer_id).await?;
        if points == 0 {
            return Ok(());
        }
        let booking = Booking::answering(tx, -points, Reason::Revocation)?;
        if store::book(tx.sql(), customer_id, &booking).await? {
            tx.publish(&StatusPointsRevoked { customer_id, points, balance: 0, booked_at })?;
        }
        Ok(())
    }
}
