//! Docker's API, as far as tests and drills need it: the containers that Compose has started, known by its labels.
//!
//! Whoever may ask Docker may do everything on its host; only the profile `tests` of `docker-compose.yml` may.

use std::collections::HashMap;

use anyhow::{Context, bail};
use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

mod logs;

pub use logs::keep_logs;

const SERVICE: &str = "com.docker.compose.service";
const PROJECT: &str = "com.docker.compose.project";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// The containers of one composition.
#[derive(Clone, Debug)]
pub struct Docker {
    client: Client,
    project: String,
}

/// A container in a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    pub id: String,
    pub state: String,
    pub labels: HashMap<String, String>,
}

impl Container {
    /// Whether its program runs.
    pub fn runs(&self) -> bool {
        self.state == "running"
    }
}

impl Docker {
    /// The composition `project`, by the socket at `path`.
    pub fn new(path: &str, project: &str) -> anyhow::Result<Self> {
        Ok(Self { client: Client::builder().unix_socket(path).build()?, project: project.to_owned() })
    }

    /// The composition that the environment names; `None` if it names none.
    pub fn of_environment() -> anyhow::Result<Option<Self>> {
        let variables = (std::env::var("DOCKER_SOCKET").ok(), std::env::var("COMPOSE_PROJECT_NAME").ok());
        let (Some(path), Some(project)) = variables else { return Ok(None) };
        Self::new(&path, &project).map(Some)
    }

    /// Those of `service`, running or not, the newest first.
    pub async fn containers(&self, service: &str) -> anyhow::Result<Vec<Container>> {
        let labels = [(PROJECT, self.project.as_str()), (SERVICE, service), (ONE_OFF, "False")];
        let labels = labels.map(|(label, value)| format!("{label}={value}"));
        let filters = json!({ "label": labels }).to_string();
        let list = [("all", "true"), ("filters", &filters)];
        let answer = self.ask(Method::GET, "/containers/json", &list, None).await?;
        answer.json().await.context("a list of containers")
    }

    /// `start`, `stop`, `restart` or `kill`. Docker answers when it is done; a container that already is so is left alone.
    pub async fn tell(&self, container: &str, verb: &str) -> anyhow::Result<()> {
        self.ask(Method::POST, &format!("/containers/{container}/{verb}"), &[], None).await.map(drop)
    }

    /// Creates a container like another, but for what `change` does to what would be asked for.
    pub async fn create_like(
        &self,
        container: &str,
        suffix: &str,
        change: impl FnOnce(&mut Value),
    ) -> anyhow::Result<String> {
        let answer = self.ask(Method::GET, &format!("/containers/{container}/json"), &[], None).await?;
        let original: Value = answer.json().await?;
        let mut wanted = wanted(&original);
        change(&mut wanted);
        let name = format!("{}-{suffix}", original["Name"].as_str().unwrap_or_default().trim_start_matches('/'));
        let answer = self.ask(Method::POST, "/containers/create", &[("name", &name)], Some(wanted)).await?;
        let created: Value = answer.json().await?;
        Ok(created["Id"].as_str().context("a container without an id")?.to_owned())
    }

    /// Removes a container, whatever it does.
    pub async fn remove(&self, container: &str) -> anyhow::Result<()> {
        let query = [("force", "true"), ("v", "true")];
        self.ask(Method::DELETE, &format!("/containers/{container}"), &query, None).await.map(drop)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Value>,
    ) -> anyhow::Result<Response> {
        let request = self.client.request(method, format!("http://docker{path}")).query(query);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = request.send().await.context("Docker is not reachable by its socket")?;
        let status = answer.status();
        // It is already so.
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(answer);
        }
        bail!("Docker answers {status} to {path}: {}", answer.text().await.unwrap_or_default());
    }
}

/// What was asked for when `original` was created, on the networks of its composition, by the names that it has there.
fn wanted(original: &Value) -> Value {
    let id = original["Id"].as_str().unwrap_or_default();
    let mut networks = original["NetworkSettings"]["Networks"].clone();
    for network in networks.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        // Docker adds the container's id.
        let aliases = network["Aliases"].as_array().into_iter().flatten();
        let aliases: Vec<_> = aliases.filter_map(Value::as_str).filter(|alias| !id.starts_with(alias)).collect();
        *network = json!({ "Aliases": aliases });
    }
    let mut wanted = original["Config"].clone();
    wanted["HostConfig"] = original["HostConfig"].clone();
    wanted["NetworkingConfig"] = json!({ "EndpointsConfig": networks });
    // Named after its id, unless it is told a name.
    if original["Config"]["Hostname"].as_str().is_some_and(|name| id.starts_with(name)) {
        wanted["Hostname"] = json!("");
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_like_another_has_its_settings_and_a_name_of_its_own() {
        let original = json!({
            "Id": "0123456789abcdef",
            "Config": { "Image": "pas-de-trois", "Env": ["A=1"], "Hostname": "0123456789ab" },
            "HostConfig": { "ReadonlyRootfs": true },
            "NetworkSettings": { "Networks": { "default": {
                "Aliases": ["loyalty", "0123456789ab"], "IPAddress": "172.18.0.5"
            } } },
        });
        let expected = json!({
            "Image": "pas-de-trois", "Env": ["A=1"], "Hostname": "",
            "HostConfig": { "ReadonlyRootfs": true },
            "NetworkingConfig": { "EndpointsConfig": { "default": { "Aliases": ["loyalty"] } } },
        });
        assert_eq!(wanted(&original), expected);
    }
}
