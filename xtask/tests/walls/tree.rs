//! The crates of the workspace, and the files of one.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// A crate of the workspace.
pub struct Package {
    /// Its folder, relative to the workspace's.
    pub folder: PathBuf,
    /// What its program or library is built with.
    pub dependencies: BTreeSet<String>,
}

/// The crates of the workspace by name.
pub fn packages() -> BTreeMap<String, Package> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let asked =
        Command::new(cargo).args(["metadata", "--no-deps", "--format-version=1", "--offline"]).output().unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let metadata: Value = serde_json::from_slice(&asked.stdout).unwrap();
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

fn package(described: &Value) -> (String, Package) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let folder =
        PathBuf::from(text(&described["manifest_path"])).parent().unwrap().strip_prefix(root()).unwrap().into();
    let dependencies = described["dependencies"].as_array().unwrap().iter();
    let built_with = dependencies.filter(|one| one["kind"].is_null()).map(|one| text(&one["name"])).collect();
    (text(&described["name"]), Package { folder, dependencies: built_with })
}

/// The workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().into()
}

/// The files under `folder` whose names end in `ending`, but for what cargo builds.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}
