//! The folder of a fleet that runs without Docker: its URLs and its logs.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;

/// Where a fleet that runs without Docker keeps what it keeps.
#[derive(Clone, Debug, Args)]
pub struct FleetDir {
    /// The folder of a fleet started by scripts/up: its URLs (env) and its logs (logs/*.jsonl).
    #[arg(long, env, value_name = "DIR", default_value = ".fleet", global = true)]
    fleet_dir: PathBuf,
}

impl FleetDir {
    /// Where the services' logs are.
    pub fn logs(&self) -> PathBuf {
        self.fleet_dir.join("logs")
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.fleet_dir
    }

    /// The value of `name` in the fleet's `env`; `None` if no fleet runs here.
    pub fn setting(&self, name: &str) -> anyhow::Result<Option<String>> {
        Ok(self.settings()?.and_then(|mut settings| settings.remove(name)))
    }

    /// Where something is, without a slash at the end: as `given`, else as the fleet's folder says under `name`, else at
    /// `default`. An empty word gives nothing.
    pub fn url(&self, given: Option<&str>, name: &str, default: &str) -> anyhow::Result<String> {
        let url = match given.filter(|url| !url.is_empty()) {
            Some(url) => url.to_owned(),
            None => self.setting(name)?.unwrap_or_else(|| default.to_owned()),
        };
        Ok(url.trim_end_matches('/').to_owned())
    }

    /// Everything in the fleet's `env`; `None` if no fleet runs here.
    pub fn settings(&self) -> anyhow::Result<Option<HashMap<String, String>>> {
        let path = self.fleet_dir.join("env");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(values(&text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("can't read {}", path.display())),
        }
    }
}

/// One `NAME=value` a line, nothing quoted; the last of a name counts.
pub fn values(text: &str) -> HashMap<String, String> {
    let values = text.lines().filter_map(|line| line.trim().split_once('='));
    values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_by_its_whole_name_and_may_hold_equal_signs() {
        let text = "# CUSTOMER_URL=no\nOLD_CUSTOMER_URL=http://old\nCUSTOMER_URL=http://new/?a=b\n";
        assert_eq!(values(text).get("CUSTOMER_URL").map(String::as_str), Some("http://new/?a=b"));
        assert_eq!(values(text).get("EMAIL_URL"), None);
    }
}
