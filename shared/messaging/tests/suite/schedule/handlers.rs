//! Two services that answer each other, each handling as its event's temper says.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use event::Event;
use messaging::{
    failpoint::Failpoint,
    failure::HandlerError,
    handler::{Handler, Handlers},
    testing::{
        orders::{InvoiceIssued, OrderCancelled, OrderCompleted, OrderPlaced},
        stepped::hit,
    },
    unit_of_work::UnitOfWork,
};
use uuid::Uuid;

use super::{
    journal::Journal,
    moves::{Service, Temper},
};

/// What the handlers of a schedule share.
#[derive(Clone)]
pub struct Script {
    pub journal: Journal,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    tempers: HashMap<Uuid, Vec<Temper>>,
    failed: HashMap<Uuid, u8>,
    fixed: bool,
    dying: bool,
}

impl Script {
    pub fn new(journal: Journal) -> Self {
        Self { journal, state: Arc::default() }
    }

    /// The event `id` is called `name`; the first of `tempers` is that of its handling, the others its follow-ups'.
    pub fn cast(&self, id: Uuid, name: String, tempers: &[Temper]) {
        self.journal.call(id, name);
        self.state.lock().unwrap().tempers.insert(id, tempers.to_vec());
    }

    /// From here on what never worked does, and nothing kills.
    pub fn fix(&self) {
        self.state.lock().unwrap().fixed = true;
    }

    /// Whether the process that has just run dies of what it handles.
    pub fn takes_its_toll(&self) -> bool {
        std::mem::take(&mut self.state.lock().unwrap().dying)
    }

    pub fn handlers(&self, service: Service) -> Handlers {
        let dancer = Dancer(self.clone());
        match service {
            Service::Orders => Handlers::new().on::<InvoiceIssued>(dancer),
            Service::Billing => Handlers::new()
                .on::<OrderPlaced>(dancer.clone())
                .on::<OrderCancelled>(dancer.clone())
                .on::<OrderCompleted>(dancer),
        }
    }

    /// What the handling of `id` comes to this time; `None`: the process dies of it.
    fn verdict(&self, id: Uuid) -> Option<Result<(), HandlerError>> {
        let mut state = self.state.lock().unwrap();
        let (temper, fixed) = (state.tempers[&id].first().copied().unwrap_or(Temper::Works), state.fixed);
        let failed = state.failed.entry(id).or_default();
        match temper {
            Temper::Fails(times) if *failed < times => {
                *failed += 1;
                Some(Err(HandlerError::Transient(anyhow::anyhow!("not now"))))
            }
            Temper::Never if !fixed => Some(Err(HandlerError::Permanent(anyhow::anyhow!("never")))),
            Temper::Kills if !fixed => {
                state.dying = true;
                None
            }
            _ => Some(Ok(())),
        }
    }
}

/// Handles every event of the schedule.
#[derive(Clone)]
struct Dancer(Script);

impl Dancer {
    /// Publishes the follow-up and writes the effect down before it fails: what is rolled back must not be seen.
    async fn answer<E: Event>(&self, tx: &mut UnitOfWork, follow_up: &E) -> Result<(), HandlerError> {
        let cause = tx.cause().unwrap().id;
        let id = tx.publish(follow_up)?.id;
        let tempers = self.0.state.lock().unwrap().tempers[&cause].clone();
        self.0.cast(id, format!("{}'s {}", self.0.journal.name(cause), E::TYPE), tempers.get(1..).unwrap_or_default());
        self.take_effect(tx).await
    }

    async fn take_effect(&self, tx: &mut UnitOfWork) -> Result<(), HandlerError> {
        let event = tx.cause().unwrap().clone();
        sqlx::query("INSERT INTO effects (subject, name) VALUES ($1, $2)")
            .bind(event.subject)
            .bind(event.id.to_string())
            .execute(tx.sql())
            .await?;
        let (name, verdict) = (self.0.journal.name(event.id), self.0.verdict(event.id));
        self.0.journal.write(match &verdict {
            Some(Ok(())) => format!("  {name} is handled"),
            Some(Err(error)) => format!("  {name} fails: {error}"),
            None => format!("  {name} kills the process"),
        });
        let Some(result) = verdict else {
            hit(Failpoint::Handled).await;
            unreachable!("the process is dead");
        };
        result
    }
}

impl Handler<OrderPlaced> for Dancer {
    async fn handle(&self, tx: &mut UnitOfWork, event: &OrderPlaced) -> Result<(), HandlerError> {
        let (order_id, issued_at) = (event.order_id, tx.now());
        self.answer(tx, &InvoiceIssued { order_id, amount: 100, issued_at }).await
    }
}

impl Handler<InvoiceIssued> for Dancer {
    async fn handle(&self, tx: &mut UnitOfWork, event: &InvoiceIssued) -> Result<(), HandlerError> {
        let (order_id, completed_at) = (event.order_id, tx.now());
        self.answer(tx, &OrderCompleted { order_id, completed_at }).await
    }
}

impl Handler<OrderCompleted> for Dancer {
    async fn handle(&self, tx: &mut UnitOfWork, _: &OrderCompleted) -> Result<(), HandlerError> {
        self.take_effect(tx).await
    }
}

impl Handler<OrderCancelled> for Dancer {
    async fn handle(&self, tx: &mut UnitOfWork, _: &OrderCancelled) -> Result<(), HandlerError> {
        self.take_effect(tx).await
    }
}
