//! What the services' parked messages are asked, and what they answer.

use anyhow::{Context, bail};
use messaging::parked::operations::{Record, Summary};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::FilterArgs;
use crate::{
    api_error::Refusal,
    operations::{Operations, Service},
};

/// How many messages one request asks for.
const PAGE: usize = 500;

/// What a service keeps, and which.
#[derive(Clone, Debug, Serialize)]
pub struct Kept<T> {
    pub service: Service,
    #[serde(flatten)]
    pub what: T,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Summary>,
    next_cursor: Option<String>,
}

/// At most `limit` messages of all services that the filter names, newest first.
pub async fn list(operations: &Operations, filter: &FilterArgs, limit: usize) -> anyhow::Result<Vec<Kept<Summary>>> {
    let mut all = Vec::new();
    for service in filter.services() {
        all.extend(list_of(operations, service, filter, limit).await?);
    }
    all.sort_by_key(|kept: &Kept<Summary>| std::cmp::Reverse(kept.what.parked_at));
    all.truncate(limit);
    Ok(all)
}

async fn list_of(
    operations: &Operations,
    service: Service,
    filter: &FilterArgs,
    limit: usize,
) -> anyhow::Result<Vec<Kept<Summary>>> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    while found.len() < limit {
        let some = (limit - found.len()).min(PAGE).to_string();
        let mut request = operations.request(service, Method::GET, "/parked")?.query(&filter.query());
        request = request.query(&[("limit", some)]);
        if let Some(cursor) = &cursor {
            request = request.query(&[("cursor", cursor)]);
        }
        let page: Page = crate::http::send(request).await.with_context(|| service.name())?.json().await?;
        found.extend(page.items.into_iter().map(|what| Kept { service, what }));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(found)
}

/// The records of one event: each service that failed over it has its own.
pub async fn find(operations: &Operations, id: Uuid, service: Option<Service>) -> anyhow::Result<Vec<Kept<Record>>> {
    let mut found = Vec::new();
    for service in service.map_or_else(|| Service::all().to_vec(), |service| vec![service]) {
        match operations.ask(service, Method::GET, &format!("/parked/{id}")).await {
            Ok(response) => found.push(Kept { service, what: response.json().await? }),
            Err(error) if is_unknown(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn is_unknown(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.status == StatusCode::NOT_FOUND)
}

/// The one record that is meant; asks for `--service` if there are several.
pub fn the_one(records: Vec<Kept<Record>>) -> anyhow::Result<Option<Kept<Record>>> {
    if records.len() > 1 {
        let names: Vec<_> = records.iter().map(|record| record.service.name()).collect();
        bail!("{} keep this event: say which one by --service", names.join(" and "));
    }
    Ok(records.into_iter().next())
}
