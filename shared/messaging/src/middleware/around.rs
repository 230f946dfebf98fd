//! Middleware around a single handler.

use event::Event;
use futures_util::future::BoxFuture;

use crate::{failure::HandlerError, handler::Handler, unit_of_work::UnitOfWork};

/// Surrounds `handler` with `function`, which decides whether and when to call it.
///
/// ```
/// use event::Event;
/// use futures_util::FutureExt;
/// use messaging::{failure::HandlerError, handler::{Handler, Handlers}, middleware::around, unit_of_work::UnitOfWork};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct InvoiceIssued { order_id: uuid::Uuid, amount: i64 }
/// impl Event for InvoiceIssued {
///     const TYPE: &'static str = "invoice_issued";
///     const OWNER: &'static str = "billing";
///     fn subject(&self) -> uuid::Uuid { self.order_id }
/// }
///
/// struct Collect;
/// impl Handler<InvoiceIssued> for Collect {
///     async fn handle(&self, _: &mut UnitOfWork, _: &InvoiceIssued) -> Result<(), HandlerError> {
///         Ok(())
///     }
/// }
///
/// let unless_free = around(Collect, |tx, event: &InvoiceIssued, inner: &Collect| {
///     async move { if event.amount > 0 { inner.handle(tx, event).await } else { Ok(()) } }.boxed()
/// });
/// let handlers = Handlers::new().on::<InvoiceIssued>(unless_free);
/// assert_eq!(handlers.event_types().len(), 1);
/// ```
pub fn around<E, H, F>(handler: H, function: F) -> Around<H, F>
where
    E: Event,
    H: Handler<E>,
    F: for<'a> Fn(&'a mut UnitOfWork, &'a E, &'a H) -> BoxFuture<'a, Result<(), HandlerError>>,
{
    Around { handler, function }
}

/// See [`around`].
#[derive(Clone, Copy, Debug)]
pub struct Around<H, F> {
    handler: H,
    function: F,
}

impl<E, H, F> Handler<E> for Around<H, F>
where
    E: Event,
    H: Handler<E>,
    F: for<'a> Fn(&'a mut UnitOfWork, &'a E, &'a H) -> BoxFuture<'a, Result<(), HandlerError>> + Send + Sync + 'static,
{
    async fn handle(&self, tx: &mut UnitOfWork, event: &E) -> Result<(), HandlerError> {
        (self.function)(tx, event, &self.handler).await
    }
}
