//! An exporter that bears a missing backend: one warning when it goes away, one line when it is back.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use tracing::{info, warn};

/// Wraps an exporter; failed batches are dropped, and nobody else hears of them.
#[derive(Debug)]
pub(super) struct BestEffort<E> {
    inner: E,
    failing: AtomicBool,
}

impl<E> BestEffort<E> {
    pub fn new(inner: E) -> Self {
        Self { inner, failing: AtomicBool::new(false) }
    }
}

impl<E: SpanExporter> SpanExporter for BestEffort<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.inner.export(batch).await;
        let was_failing = self.failing.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Err(_) if !was_failing => warn!("the tracing backend does not answer: spans are dropped until it does"),
            Ok(()) if was_failing => info!("the tracing backend answers again"),
            _ => {}
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
