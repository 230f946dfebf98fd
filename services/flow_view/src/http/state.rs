//! What requests work on.

use std::sync::Arc;

use contracts::choreography::Reaction;
use messaging::database::Database;
use tokio_util::sync::CancellationToken;

use super::feed::Feed;
use crate::{config::FlowViewConfig, overview::Latest, service_directory::ServiceDirectory};

/// What requests work on. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub database: Database,
    pub directory: ServiceDirectory,
    pub config: Arc<FlowViewConfig>,
    /// By which flows are judged.
    pub reactions: &'static [Reaction],
    /// What changes.
    pub feed: Feed,
    /// Ends the streams, which would hold up a shutdown.
    pub closing: CancellationToken,
    /// What `/overview` answered last.
    pub overview: Latest,
}
