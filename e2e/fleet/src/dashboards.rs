//! The dashboards that Grafana is given, read from their files.

use std::{fs, path::Path};

use anyhow::Context;
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/lib/monitoring/grafana/dashboards");

/// A dashboard.
#[derive(Clone, Debug)]
pub struct Dashboard {
    /// Its file's name.
    pub file: String,
    /// What stands in it.
    pub json: Value,
}

/// A query of a panel.
#[derive(Clone, Debug)]
pub struct Query {
    /// Dashboard, panel and query, as people find them.
    pub place: String,
    /// In `PromQL`, with the dashboard's variables.
    pub expr: String,
}

/// A variable, whose values are those of a label of a metric.
#[derive(Clone, Debug)]
pub struct Variable {
    pub name: String,
    pub metric: String,
    pub label: String,
}

impl Dashboard {
    /// Every dashboard.
    pub fn all() -> anyhow::Result<Vec<Self>> {
        let files = fs::read_dir(FOLDER)?.map(|file| Ok(file?.path())).collect::<anyhow::Result<Vec<_>>>()?;
        files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")).map(read).collect()
    }

    /// Its panels, rows among them.
    pub fn panels(&self) -> &[Value] {
        self.json["panels"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Every query of every panel.
    pub fn queries(&self) -> Vec<Query> {
        self.panels().iter().flat_map(|panel| targets(panel).iter().map(|target| self.query(panel, target))).collect()
    }

    fn query(&self, panel: &Value, target: &Value) -> Query {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (title, reference) = (text(&panel["title"]), text(&target["refId"]));
        let place =
            format!("dashboard {:?} ({}), panel {title:?}, query {reference}", text(&self.json["title"]), self.file);
        Query { place, expr: text(&target["expr"]) }
    }

    /// Its variables.
    pub fn variables(&self) -> anyhow::Result<Vec<Variable>> {
        let list = self.json["templating"]["list"].as_array().map_or(&[][..], Vec::as_slice);
        list.iter()
            .map(|variable| variable_of(variable).with_context(|| format!("{}: {variable}", self.file)))
            .collect()
    }
}

fn read(path: impl AsRef<Path>) -> anyhow::Result<Dashboard> {
    let path = path.as_ref();
    let json = serde_json::from_slice(&fs::read(path)?).with_context(|| path.display().to_string())?;
    Ok(Dashboard { file: path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into()), json })
}

fn targets(panel: &Value) -> &[Value] {
    panel["targets"].as_array().map_or(&[], Vec::as_slice)
}

/// `label_values(METRIC, LABEL)` is the one kind that is used here.
fn variable_of(json: &Value) -> Option<Variable> {
    let asked = json["query"]["query"].as_str()?.strip_prefix("label_values(")?.strip_suffix(')')?;
    let (metric, label) = asked.split_once(", ")?;
    Some(Variable { name: json["name"].as_str()?.to_owned(), metric: metric.to_owned(), label: label.to_owned() })
}

#[cfg(test)]
mod tests;
