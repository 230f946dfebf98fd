//! The flow view's API, for commands.

use anyhow::Context;
use clap::Args;
use client::{ApiError, FleetDir, http};
use flow::{
    Flow, FlowDetail, State,
    answers::{Found, Page, Tally},
};
use reqwest::{Client, StatusCode};

/// Where the flow view is: `FLOW_VIEW_URL` in the environment, else the fleet's folder knows, else 127.0.0.1:8088.
#[derive(Clone, Debug, Args)]
pub struct FlowViewArgs {
    /// The flow view's public URL; if not given, that of the running fleet.
    #[arg(long, env, value_name = "URL")]
    flow_view_url: Option<String>,
    #[command(flatten)]
    pub fleet: FleetDir,
}

/// The flow view.
#[derive(Clone, Debug)]
pub struct FlowView {
    client: Client,
    url: String,
}

impl FlowViewArgs {
    /// Ready to ask.
    pub fn open(&self) -> anyhow::Result<FlowView> {
        let url = self.fleet.url(self.flow_view_url.as_deref(), "FLOW_VIEW_URL", "http://127.0.0.1:8088")?;
        Ok(FlowView { client: http::client()?, url })
    }
}

impl FlowView {
    /// How many flows that began since then stand how.
    pub async fn count(&self, since: &str) -> anyhow::Result<Tally> {
        let request = self.client.get(format!("{}/flows/count", self.url)).query(&[("since", since)]);
        http::send(request).await?.json().await.context("the answer of the flow view")
    }

    /// Flows in `state`, newest first, at most `limit`.
    pub async fn list(&self, state: State, since: &str, limit: usize) -> anyhow::Result<Vec<Flow>> {
        let (mut flows, mut cursor) = (Vec::new(), None);
        loop {
            let mut query =
                vec![("state", state.as_str().to_owned()), ("since", since.into()), ("limit", "200".into())];
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let request = self.client.get(format!("{}/flows", self.url)).query(&query);
            let page: Page = http::send(request).await?.json().await.context("the answer of the flow view")?;
            flows.extend(page.flows.into_iter().map(|changed| changed.flow));
            cursor = page.next_cursor.filter(|_| flows.len() < limit);
            if cursor.is_none() {
                flows.truncate(limit);
                return Ok(flows);
            }
        }
    }

    /// The flows of `id`; none if it knows none.
    pub async fn find(&self, id: &str) -> anyhow::Result<Vec<FlowDetail>> {
        match http::send(self.client.get(format!("{}/flows/{id}", self.url))).await {
            Ok(answer) => Ok(answer.json::<Found>().await.context("the answer of the flow view")?.flows),
            Err(error) if is_not_found(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ApiError>().is_some_and(|refusal| refusal.status == StatusCode::NOT_FOUND)
}
