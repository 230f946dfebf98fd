//! Middleware around a single handler.

use event::Event;
use futures_util::future::BoxFuture;

use crate::{failure::HandlerError, handler::Handler, unit_of_work::UnitOfWork};

/// Surrounds `handler` with `function`, which decides whether and when to call it.
///
/// ```
/// use futures_util::FutureExt;
/// use shared::{events::loyalty::StatusPointsAdded, failure::HandlerError, handler::{Handler, Handlers}};
/// use shared::{middleware::around, unit_of_work::UnitOfWork};
///
/// struct Count;
/// impl Handler<StatusPointsAdded> for Count {
///     async fn handle(&self, _: &mut UnitOfWork, _: &StatusPointsAdded) -> Result<(), HandlerError> {
///         Ok(())
///     }
/// }
///
/// let positive_only = around(Count, |tx, event: &StatusPointsAdded, inner: &Count| {
///     async move { if event.points > 0 { inner.handle(tx, event).await } else { Ok(()) } }.boxed()
/// });
/// let handlers = Handlers::new().on::<StatusPointsAdded>(positive_only);
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
