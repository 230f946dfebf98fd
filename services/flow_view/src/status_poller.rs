//! Asks services about the messages that they should have answered: do they hold them, and how.

use std::{collections::BTreeMap, time::Duration};

use contracts::services::FLOW_VIEW;
use flow::Flow;
use messaging::{
    database::Database,
    worker::{Next, TurnFailed, Worker},
};
use service::inbox_status::{MAX_IDS, MessageStatus};
use uuid::Uuid;

use crate::{
    service_directory::ServiceDirectory,
    store::{self, flows},
};

/// How often a flow is asked about.
const AGAIN: Duration = Duration::from_secs(5);
/// How many flows one round is about.
const ROUND: i64 = 100;
/// How often it looks whether there is something to ask.
const POLL: Duration = Duration::from_secs(1);

/// The one that asks.
#[derive(Debug)]
pub struct StatusPoller {
    database: Database,
    directory: ServiceDirectory,
}

impl StatusPoller {
    /// Asks `directory` about what is missing in `database`.
    pub fn new(database: Database, directory: ServiceDirectory) -> Self {
        Self { database, directory }
    }

    /// Asks once about some stuck flows. No transaction is open while a service answers.
    pub async fn round(&self) -> Result<(), sqlx::Error> {
        let mut tx = self.database.begin().await?;
        let now = tx.now();
        let stuck = flows::take_to_ask(tx.sql(), now - AGAIN, now, ROUND).await?;
        tx.commit().await?;
        for (service, flow_of) in questions(&stuck) {
            let ids: Vec<_> = flow_of.keys().copied().collect();
            for ids in ids.chunks(MAX_IDS) {
                self.ask(&service, &flow_of, ids).await?;
            }
        }
        Ok(())
    }

    async fn ask(&self, service: &str, flow_of: &BTreeMap<Uuid, Uuid>, ids: &[Uuid]) -> Result<(), sqlx::Error> {
        if self.directory.is_unreachable(service) {
            return Ok(());
        }
        // One that does not answer shows as away soon, and is asked again later.
        let Ok(statuses) = self.directory.inbox_status(service, ids).await else { return Ok(()) };
        let mut tx = self.database.begin().await?;
        let now = tx.now();
        for event_id in ids {
            let known = statuses.iter().find(|status| status.event_id == *event_id);
            let never = MessageStatus { event_id: *event_id, state: "unknown".into(), reason: None, attempts: None };
            let status = known.unwrap_or(&never);
            if let Some(flow) = flow_of.get(event_id) {
                store::save_status(tx.sql(), (service, *flow), status, now).await?;
            }
        }
        tx.commit().await
    }
}

impl Worker for StatusPoller {
    fn part(&self) -> &'static str {
        "status poller"
    }

    fn trouble(&self) -> &'static str {
        "services can't be asked about late messages"
    }

    /// Several services are asked, one after the other, and one that is silent has eight seconds.
    fn limit(&self) -> Duration {
        Duration::from_mins(1)
    }

    async fn turn(&mut self) -> Result<Next, TurnFailed> {
        self.round().await?;
        Ok(Next::Within(POLL))
    }
}

/// For each service the events that it should have answered, and the flows that they belong to.
fn questions(stuck: &[Flow]) -> BTreeMap<String, BTreeMap<Uuid, Uuid>> {
    let mut questions: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for flow in stuck {
        for overdue in &flow.overdue {
            let of_service = questions.entry(overdue.service.clone()).or_default();
            of_service.insert(overdue.event_id, flow.correlation_id);
        }
    }
    // Of what we have not seen ourselves we know no more.
    questions.remove(FLOW_VIEW.name);
    questions
}
