//! Everything that is derived from `contracts`: the lists of services and of the choreography exist once.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use client::output;

mod broker;
mod compose;
mod database;
mod environment;
mod lines;
mod monitoring;
mod readme;
mod region;
mod scripts;

/// A file, and what it should hold.
struct Derived {
    path: PathBuf,
    content: String,
}

/// Writes what is derived below `root`; with `check` only says what is not as it should be, and fails if anything is.
pub fn run(root: &Path, check: bool) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for Derived { path, content } in derived(root)? {
        let full = root.join(&path);
        if fs::read_to_string(&full).is_ok_and(|there| there == content) {
            continue;
        }
        if !check {
            fs::write(&full, content).with_context(|| format!("cannot write {}", path.display()))?;
        }
        stale.push(path.display().to_string());
    }
    match stale.as_slice() {
        [] => output::print("every derived file is as declared"),
        stale if check => bail!("not as declared: {}; `scripts/generate` writes them", stale.join(", ")),
        stale => output::print(&format!("written: {}", stale.join(", "))),
    }
}

fn derived(root: &Path) -> anyhow::Result<Vec<Derived>> {
    let whole = |path: &str, content: String| Derived { path: path.into(), content };
    let parts = |path: &str, fill: &dyn Fn(&str) -> anyhow::Result<String>| {
        let text = fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))?;
        anyhow::Ok(whole(path, fill(&text).with_context(|| path.to_owned())?))
    };
    Ok(vec![
        whole("scripts/lib/fleet.sh", scripts::fleet()),
        whole("scripts/lib/definitions.json", broker::definitions()),
        whole("scripts/lib/roles.sql", database::roles()),
        whole("scripts/lib/monitoring/targets/services.yml", monitoring::targets()),
        parts("docker-compose.yml", &compose::fill)?,
        parts(".env.example", &environment::fill)?,
        parts("README.md", &readme::fill)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

    #[test]
    fn every_derived_file_is_as_declared() {
        run(Path::new(ROOT), true).unwrap();
    }

    #[test]
    fn a_file_that_was_edited_by_hand_is_named_and_written_anew() {
        let copy = tempfile::tempdir().unwrap();
        for Derived { path, content } in derived(Path::new(ROOT)).unwrap() {
            fs::create_dir_all(copy.path().join(&path).parent().unwrap()).unwrap();
            fs::write(copy.path().join(&path), content).unwrap();
        }
        fs::write(copy.path().join("scripts/lib/roles.sql"), "-- by hand").unwrap();
        let error = run(copy.path(), true).unwrap_err().to_string();
        assert!(error.contains("roles.sql") && error.contains("scripts/generate"), "{error}");
        assert!(!error.contains("README.md"), "{error}");
        run(copy.path(), false).unwrap();
        run(copy.path(), true).unwrap();
    }
}
