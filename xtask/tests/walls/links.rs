//! Every link between files of the tree leads somewhere: files are moved, and papers forget.

use std::path::Path;

use super::tree::{files, root};

/// The targets of the links in a Markdown text that are paths.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let paths = targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '<']));
    paths.map(|target| target.split('#').next().unwrap_or_default())
}

#[test]
fn every_link_leads_to_a_file() {
    let mut broken = Vec::new();
    for paper in files(&root(), ".md") {
        let text = std::fs::read_to_string(&paper).unwrap();
        let folder = paper.parent().unwrap_or(Path::new(""));
        let lost = paths(&text).filter(|path| !folder.join(path).exists());
        broken.extend(lost.map(|path| format!("{}: {path}", paper.strip_prefix(root()).unwrap().display())));
    }
    assert!(broken.is_empty(), "these links lead nowhere:\n{}", broken.join("\n"));
}
