//! The gate: what the other services' facts mean for a customer.

use contracts::{
    CustomerId,
    events::{
        customer::{CustomerDeactivated, CustomerOnboarded, DeactivationReason},
        email::{WelcomeEmailFailed, WelcomeEmailSent},
        loyalty::StatusPointsAdded,
    },
};
use messaging::{failure::HandlerError, handler::Handler, unit_of_work::UnitOfWork};

use crate::{
    customer::{Decision, Fact},
    store,
};

/// The welcome mail was sent: half of the gate.
pub struct MailSent;

impl Handler<WelcomeEmailSent> for MailSent {
    async fn handle(&self, tx: &mut UnitOfWork, event: &WelcomeEmailSent) -> Result<(), HandlerError> {
        record(tx, event.customer_id, Fact::MailSent).await
    }
}

/// Points are booked: the other half.
pub struct PointsAdded;

impl Handler<StatusPointsAdded> for PointsAdded {
    async fn handle(&self, tx: &mut UnitOfWork, event: &StatusPointsAdded) -> Result<(), HandlerError> {
        record(tx, event.customer_id, Fact::PointsAdded(event.balance)).await
    }
}

/// The welcome mail failed for good: the registration is undone.
pub struct MailFailed;

impl Handler<WelcomeEmailFailed> for MailFailed {
    async fn handle(&self, tx: &mut UnitOfWork, event: &WelcomeEmailFailed) -> Result<(), HandlerError> {
        record(tx, event.customer_id, Fact::MailFailed(event.reason)).await
    }
}

async fn record(tx: &mut UnitOfWork, id: CustomerId, fact: Fact) -> Result<(), HandlerError> {
    // Locked: the two halves may arrive in two replicas at once, and each must see the other's.
    let Some(mut gate) = store::lock_gate(tx.sql(), id).await? else { return Ok(()) };
    let decision = gate.record(fact);
    let now = tx.now();
    store::save_gate(tx.sql(), id, gate, now).await?;
    match decision {
        Some(Decision::Onboard) => onboard(tx, id),
        Some(Decision::Deactivate(reason)) => deactivate(tx, id, reason),
        None => Ok(()),
    }
}

fn onboard(tx: &mut UnitOfWork, customer_id: CustomerId) -> Result<(), HandlerError> {
    tx.publish(&CustomerOnboarded { customer_id, onboarded_at: tx.now() })?;
    Ok(())
}

fn deactivate(tx: &mut UnitOfWork, customer_id: CustomerId, reason: DeactivationReason) -> Result<(), HandlerError> {
    tx.publish(&CustomerDeactivated { customer_id, reason, deactivated_at: tx.now() })?;
    Ok(())
}
