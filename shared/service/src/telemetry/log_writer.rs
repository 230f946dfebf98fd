//! Log lines on their way to stdout: by a thread of their own and a bounded queue, because a pipe that nobody reads blocks
//! whoever writes to it, and a service must not stop handling events over its log.

use std::{io, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::warn;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// How many lines wait at most; further ones are dropped.
const LINES: usize = 10_000;
/// How often it is looked whether some were.
const LOOK: Duration = Duration::from_secs(5);

/// Where log lines go.
#[derive(Debug)]
pub(super) struct LogWriter {
    writer: NonBlocking,
    guard: WorkerGuard,
}

impl LogWriter {
    pub fn to_stdout() -> Self {
        let builder = NonBlockingBuilder::default().buffered_lines_limit(LINES).lossy(true).thread_name("log");
        let (writer, guard) = builder.finish(io::stdout());
        Self { writer, guard }
    }

    pub fn writer(&self) -> NonBlocking {
        self.writer.clone()
    }

    pub fn dropped_lines(&self) -> DroppedLines {
        DroppedLines(self.writer.error_counter())
    }

    /// Writes what is left, if it can be written within a second.
    pub fn finish(self) {
        drop(self.guard);
    }
}

/// Counts the lines that were dropped.
#[derive(Clone, Debug)]
pub struct DroppedLines(ErrorCounter);

impl DroppedLines {
    /// Says, until `shutdown`, how many lines were dropped: as soon as somebody reads again.
    pub async fn report(self, shutdown: CancellationToken) {
        let mut said = 0;
        while tokio::time::timeout(LOOK, shutdown.cancelled()).await.is_err() {
            let dropped = self.0.dropped_lines();
            if dropped > said {
                warn!(lines = dropped - said, "log lines were dropped: they are not read as fast as they are written");
                said = dropped;
            }
        }
    }
}
