//! The fleet at a glance.

use std::{sync::Arc, time::Duration};

use contracts::choreography;
use jiff::Timestamp;
use serde::Serialize;
use sqlx::PgPool;
use tokio::sync::Mutex;
use url::Url;
use utoipa::ToSchema;

use crate::{
    config::FlowViewConfig,
    service_directory::{ServiceDirectory, ServiceHealth},
    store::flows::{self, Counts},
};

/// What "the last minute" is.
const MINUTE: Duration = Duration::from_mins(1);
/// The answer that was given last, and when.
pub type Latest = Arc<Mutex<Option<(Timestamp, Overview)>>>;

/// The fleet at a glance.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Overview {
    now: Timestamp,
    last_minute: LastMinute,
    states: States,
    services: Vec<ServiceHealth>,
    arrows: Vec<Arrow>,
    links: Links,
}

/// What happened in the last minute.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct LastMinute {
    /// Flows that began.
    began: i64,
    /// Flows that came to their end.
    done: i64,
    /// Flows that were undone.
    compensated: i64,
    events: i64,
}

/// How many flows there are now that have not ended.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct States {
    running: i64,
    stuck: i64,
}

/// An event type on its way from its owner to whoever reacts.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Arrow {
    event_type: &'static str,
    owner: &'static str,
    to: Vec<&'static str>,
    /// How many were seen in the last minute.
    last_minute: i64,
}

/// Where a person looks further.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Links {
    jaeger: Option<String>,
    mail: Option<String>,
}

impl Overview {
    /// As it is at `now`.
    pub async fn at(
        now: Timestamp,
        pool: &PgPool,
        directory: &ServiceDirectory,
        config: &FlowViewConfig,
    ) -> Result<Self, sqlx::Error> {
        let since = now - MINUTE;
        let Counts { running, stuck, began, done, compensated } = flows::counts(pool, since).await?;
        let rates = flows::rates(pool, since).await?;
        let rate = |name: &str| rates.iter().find(|(event_type, _)| event_type == name).map_or(0, |(_, count)| *count);
        let events = rates.iter().map(|(_, count)| count).sum();
        let arrows = choreography::event_types().into_iter().map(|event| Arrow {
            event_type: event.name,
            owner: event.owner,
            to: choreography::services().into_iter().filter(|name| reacts(name, event.name)).collect(),
            last_minute: rate(event.name),
        });
        Ok(Self {
            now,
            last_minute: LastMinute { began, done, compensated, events },
            states: States { running, stuck },
            services: directory.seen(),
            arrows: arrows.collect(),
            links: Links { jaeger: link(config.jaeger_url.as_ref()), mail: link(config.mail_url.as_ref()) },
        })
    }
}

/// Without the slash at its end.
fn link(url: Option<&Url>) -> Option<String> {
    url.map(|url| url.as_str().trim_end_matches('/').to_owned())
}

fn reacts(service: &str, event_type: &str) -> bool {
    choreography::subscriptions(service).iter().any(|event| event.name == event_type)
}
