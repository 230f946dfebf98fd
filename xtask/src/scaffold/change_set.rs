//! Changes to the tree that are made together or not at all.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// What the tree shall look like afterwards, file by file; paths are relative to its root.
#[derive(Debug)]
pub struct ChangeSet {
    root: PathBuf,
    /// The new content; `None`: the file goes.
    files: BTreeMap<PathBuf, Option<String>>,
}

impl ChangeSet {
    /// No changes yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), files: BTreeMap::new() }
    }

    /// The content of `path` as it will be.
    pub fn read(&self, path: &str) -> anyhow::Result<String> {
        match self.files.get(Path::new(path)) {
            Some(Some(text)) => Ok(text.clone()),
            Some(None) => anyhow::bail!("{path} will not be there any more"),
            None => fs::read_to_string(self.root.join(path)).with_context(|| format!("cannot read {path}")),
        }
    }

    /// `path` shall have this content.
    pub fn write(&mut self, path: &str, content: String) {
        self.files.insert(path.into(), Some(content));
    }

    /// `path` shall not be there.
    pub fn remove(&mut self, path: &str) {
        self.files.insert(path.into(), None);
    }

    /// Every file below `folder` shall not be there.
    pub fn remove_folder(&mut self, folder: &str) -> anyhow::Result<()> {
        for file in files_below(&self.root.join(folder)).with_context(|| format!("cannot read {folder}"))? {
            let relative = file.strip_prefix(&self.root).unwrap_or(&file).to_owned();
            self.files.insert(relative, None);
        }
        Ok(())
    }

    /// Makes the changes, and then does what `follow_up` does; if either fails, everything is as it was before.
    pub fn apply(&self, follow_up: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
        let before = self.before()?;
        let result = self.put(&self.files).context("cannot write the changes").and_then(|()| follow_up());
        if let Err(error) = result {
            self.put(&before).context("cannot take the changes back: `git status` shows what is left of them")?;
            return Err(error.context("nothing was changed"));
        }
        Ok(())
    }

    fn before(&self) -> anyhow::Result<BTreeMap<PathBuf, Option<String>>> {
        let read = |path: &PathBuf| match fs::read_to_string(self.root.join(path)) {
            Ok(text) => Ok((path.clone(), Some(text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((path.clone(), None)),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        self.files.keys().map(read).collect()
    }

    fn put(&self, files: &BTreeMap<PathBuf, Option<String>>) -> io::Result<()> {
        for (path, content) in files {
            let full = self.root.join(path);
            match content {
                Some(text) => {
                    fs::create_dir_all(full.parent().unwrap_or(&self.root))?;
                    fs::write(&full, text)?;
                }
                None => remove(&self.root, &full)?,
            }
        }
        Ok(())
    }
}

/// One line a file: what happens to it.
impl fmt::Display for ChangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, content) in &self.files {
            let sign = match content {
                None => "-",
                Some(_) if self.root.join(path).exists() => "~",
                Some(_) => "+",
            };
            writeln!(f, "  {sign} {}", path.display())?;
        }
        Ok(())
    }
}

/// The file, and the folders above it that are empty then.
fn remove(root: &Path, file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    }
    let mut folder = file.parent();
    while let Some(empty) = folder.filter(|folder| *folder != root && fs::remove_dir(folder).is_ok()) {
        folder = empty.parent();
    }
    Ok(())
}

/// In the order of their names.
pub fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_made_together_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("changed"), "before").unwrap();
        fs::write(folder.path().join("gone"), "before").unwrap();
        let mut changes = ChangeSet::new(folder.path());
        changes.write("changed", "after".into());
        changes.write("a/b/new", "after".into());
        changes.remove("gone");
        let tree =
            || files_below(folder.path()).unwrap().iter().map(|f| fs::read_to_string(f).unwrap()).collect::<Vec<_>>();

        assert!(changes.apply(|| anyhow::bail!("no")).is_err());
        assert_eq!(tree(), ["before", "before"]);
        assert!(!folder.path().join("a").exists(), "an empty folder is left");

        changes.apply(|| Ok(())).unwrap();
        assert_eq!(tree(), ["after", "after"]);
        assert!(!folder.path().join("gone").exists());
    }
}
