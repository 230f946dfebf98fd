//! A layer from an async function, as axum has it.

use std::{
    marker::PhantomData,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};

/// The rest of the stack, to be run once.
pub struct Next<Request, Response, Error> {
    inner: BoxCloneSyncService<Request, Response, Error>,
}

impl<Request: Send + 'static, Response: 'static, Error: 'static> Next<Request, Response, Error> {
    /// Runs the rest of the stack.
    pub async fn run(self, request: Request) -> Result<Response, Error> {
        self.inner.oneshot(request).await
    }
}

/// A layer that runs `function(request, next)`.
///
/// ```
/// use messaging::{failure::Failure, message::{Batch, Outcome}, middleware::{Next, from_fn}};
///
/// async fn count(batch: Batch, next: Next<Batch, Vec<Outcome>, Failure>) -> Result<Vec<Outcome>, Failure> {
///     println!("{} messages", batch.messages.len());
///     next.run(batch).await
/// }
///
/// let layer = from_fn(count);
/// # let _ = tower::ServiceBuilder::new().layer(layer);
/// ```
pub fn from_fn<F, Fut, Request, Response, Error>(function: F) -> FromFn<F, Request, Response, Error>
where
    F: FnMut(Request, Next<Request, Response, Error>) -> Fut,
{
    FromFn { function, types: PhantomData }
}

/// See [`from_fn`].
pub struct FromFn<F, Request, Response, Error> {
    function: F,
    types: PhantomData<fn(Request) -> Result<Response, Error>>,
}

impl<F: Clone, Request, Response, Error> Clone for FromFn<F, Request, Response, Error> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone(), types: PhantomData }
    }
}

impl<S, F, Request, Response, Error> Layer<S> for FromFn<F, Request, Response, Error>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    F: Clone,
{
    type Service = FromFnService<F, Request, Response, Error>;

    fn layer(&self, inner: S) -> Self::Service {
        FromFnService { function: self.function.clone(), inner: BoxCloneSyncService::new(inner) }
    }
}

/// What [`FromFn`] makes of a service.
pub struct FromFnService<F, Request, Response, Error> {
    function: F,
    inner: BoxCloneSyncService<Request, Response, Error>,
}

impl<F: Clone, Request, Response, Error> Clone for FromFnService<F, Request, Response, Error> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone(), inner: self.inner.clone() }
    }
}

impl<F, Fut, Request, Response, Error> Service<Request> for FromFnService<F, Request, Response, Error>
where
    F: FnMut(Request, Next<Request, Response, Error>) -> Fut,
    Fut: Future<Output = Result<Response, Error>> + Send + 'static,
{
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    /// Always: [`Next::run`] waits for the rest of the stack.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Box::pin((self.function)(request, Next { inner: self.inner.clone() }))
    }
}
