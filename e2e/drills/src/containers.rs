//! The containers of a composition, and how they are broken by Docker's API. What was killed so stays dead until it is started.
//!
//! A container's environment can't be changed. Other settings take a substitute: a container like it but for them, while the
//! original is stopped. Compose takes a substitute that was left behind for out of date, and `docker compose up -d` ends it.

use std::{env, fs, path::PathBuf};

use anyhow::Context;
use e2e::docker::{Container, Docker};
use serde_json::{Value, json};

/// What a drill's own containers are labelled with.
const LABEL: &str = "drill";
const SUBSTITUTE: &str = "substitute";
const SECOND: &str = "second";
/// By what Compose knows whether a container is as its file says.
const CONFIG_HASH: &str = "com.docker.compose.config-hash";

/// The containers of a composition.
#[derive(Clone, Debug)]
pub struct Containers {
    pub docker: Docker,
}

impl Containers {
    /// Those of the composition that we run in.
    pub fn ours() -> anyhow::Result<Self> {
        let docker = Docker::of_environment()?;
        Ok(Self { docker: docker.context("not within a composition: run it by scripts/drill --compose")? })
    }

    /// Does `verb` to the container of `service`, or to its substitute.
    pub async fn tell(&self, service: &str, verb: &str) -> anyhow::Result<()> {
        self.docker.tell(&self.current(service).await?.id, verb).await
    }

    /// Stops `service`; at its next start it has `settings` (`NAME=value`) as well, or its own only.
    pub async fn change_settings(&self, service: &str, settings: Option<&str>) -> anyhow::Result<()> {
        self.tell(service, "stop").await?;
        self.remove(service, SUBSTITUTE).await?;
        let Some(settings) = settings else { return Ok(()) };
        let original = self.current(service).await?;
        self.docker.create_like(&original.id, SUBSTITUTE, |wanted| with_settings(wanted, settings)).await.map(drop)
    }

    /// Starts another container with the same settings, which nobody can reach.
    pub async fn double(&self, service: &str) -> anyhow::Result<()> {
        let first = self.current(service).await?;
        let second = self.docker.create_like(&first.id, SECOND, unreachable).await?;
        self.docker.tell(&second, "start").await
    }

    /// The end of what [`Containers::double`] started.
    pub async fn end_double(&self, service: &str) -> anyhow::Result<()> {
        self.remove(service, SECOND).await
    }

    async fn current(&self, service: &str) -> anyhow::Result<Container> {
        let mut containers = self.docker.containers(service).await?;
        containers.retain(|container| !is(container, SECOND));
        containers.sort_by_key(|container| !is(container, SUBSTITUTE));
        containers.into_iter().next().with_context(|| format!("there is no container of {service}"))
    }

    async fn remove(&self, service: &str, what: &str) -> anyhow::Result<()> {
        for container in self.docker.containers(service).await?.iter().filter(|container| is(container, what)) {
            self.docker.remove(&container.id).await?;
        }
        Ok(())
    }
}

fn is(container: &Container, what: &str) -> bool {
    container.labels.get(LABEL).is_some_and(|label| label == what)
}

/// The last of a name counts, and only that is kept.
fn with_settings(wanted: &mut Value, settings: &str) {
    label(wanted, SUBSTITUTE);
    let Some(environment) = wanted["Env"].as_array_mut() else { return };
    for setting in settings.lines() {
        let name = setting.split_inclusive('=').next().unwrap_or_default();
        environment.retain(|entry| !entry.as_str().is_some_and(|entry| entry.starts_with(name)));
        environment.push(json!(setting));
    }
}

/// Without ports on the host and without the service's name.
fn unreachable(wanted: &mut Value) {
    label(wanted, SECOND);
    wanted["HostConfig"]["PortBindings"] = json!({});
    let networks = wanted["NetworkingConfig"]["EndpointsConfig"].as_object_mut();
    for network in networks.into_iter().flat_map(serde_json::Map::values_mut) {
        *network = json!({});
    }
}

fn label(wanted: &mut Value, what: &str) {
    wanted["Labels"][LABEL] = json!(what);
    wanted["Labels"][CONFIG_HASH] = json!(what);
}

/// Removes what the broker, which is stopped, had on disk: its volume is mounted here too.
pub fn wipe_broker() -> anyhow::Result<()> {
    let folder = env::var_os("BROKER_DATA").map(PathBuf::from).context("BROKER_DATA is not set")?;
    let data = folder.join("mnesia");
    fs::remove_dir_all(&data).with_context(|| format!("can't remove {}", data.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_replaces_the_one_of_its_name() {
        let mut wanted = json!({ "Env": ["AMQP_URL=amqp://a", "AMQP_URLS=both"], "Labels": {} });
        with_settings(&mut wanted, "AMQP_URL=amqp://b?c=d");
        assert_eq!(wanted["Env"], json!(["AMQP_URLS=both", "AMQP_URL=amqp://b?c=d"]));
        assert_eq!(wanted["Labels"][LABEL], SUBSTITUTE);
    }

    #[test]
    fn nobody_reaches_a_second_one() {
        let mut wanted = json!({
            "HostConfig": { "PortBindings": { "8082/tcp": [{ "HostPort": "8082" }] } },
            "NetworkingConfig": { "EndpointsConfig": { "default": { "Aliases": ["loyalty"] } } },
            "Labels": {},
        });
        unreachable(&mut wanted);
        assert_eq!(wanted["HostConfig"]["PortBindings"], json!({}));
        assert_eq!(wanted["NetworkingConfig"]["EndpointsConfig"], json!({ "default": {} }));
    }
}
