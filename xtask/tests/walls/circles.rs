//! No circle of files within a crate: each can be read knowing only what is below it.
//!
//! A file uses another if it names something of it, however it comes by the name. To declare a child (`mod x;`) or to
//! hand on its items (`pub use x::Y;`) is no use of it; whoever names the item through the parent uses the child.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    paths::{Source, read},
    tree::{Package, files, packages, root},
};

/// A place in a crate: the names of the modules down to it.
type Module = Vec<String>;

/// The modules below one `lib.rs` or `main.rs`.
struct Crate {
    modules: BTreeMap<Module, Source>,
}

impl Crate {
    fn read(root: &Path) -> Self {
        let folder = root.parent().unwrap();
        let below = files(folder, ".rs").into_iter().filter(|file| {
            let inside = file.strip_prefix(folder).unwrap();
            file == root || !(inside.starts_with("bin") || ["lib.rs", "main.rs"].map(Path::new).contains(&inside))
        });
        let modules = below.map(|file| (if file == root { Vec::new() } else { module(folder, &file) }, read(&file)));
        Self { modules: modules.collect() }
    }

    /// The modules that `from` uses.
    fn used(&self, from: &Module) -> BTreeSet<Module> {
        let source = &self.modules[from];
        let named = |name: &str| source.paths.iter().any(|path| path[0] == name);
        let imports = source.imports.iter().filter(|import| !import.is_public || named(&import.name));
        let mut paths: Vec<_> = imports.map(|import| import.path.clone()).collect();
        paths.extend(source.paths.iter().filter(|path| path.len() > 1).cloned());
        let found = paths.iter().filter_map(|path| self.find(&self.absolute(from, path, 0)?, 0));
        found.filter(|module| module != from).collect()
    }

    /// `path`, as it is meant in `from`, from the crate's root; none if it is of another crate.
    fn absolute(&self, from: &Module, path: &[String], depth: usize) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let mut base = from.clone();
        match first.as_str() {
            "crate" => return Some(rest.to_vec()),
            "self" => {}
            "super" => {
                let up = 1 + rest.iter().take_while(|name| *name == "super").count();
                base.truncate(base.len().checked_sub(up)?);
                base.extend_from_slice(&path[up..]);
                return Some(base);
            }
            name => {
                let own = self.modules[from].imports.iter().find(|import| import.name == name && import.path != [name]);
                if let Some(import) = own.filter(|_| path.len() > 1 && depth < 9) {
                    base = self.absolute(from, &import.path, depth + 1)?;
                } else {
                    base.push(name.into());
                    if !self.modules.contains_key(&base) {
                        return None;
                    }
                }
            }
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The module in which the item at `path` is; none if `path` itself is a module, whose items are named elsewhere.
    fn find(&self, path: &[String], depth: usize) -> Option<Module> {
        let length = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
        let (module, rest) = path.split_at(length);
        let (module, item) = (module.to_vec(), rest.first()?);
        let mut handed_on = self.modules[&module].imports.iter().filter(|import| import.is_public);
        let import = handed_on.find(|import| import.name == *item);
        match import.and_then(|import| self.absolute(&module, &import.path, 0)) {
            Some(mut target) if depth < 9 => {
                target.extend_from_slice(&rest[1..]);
                self.find(&target, depth + 1)
            }
            _ => Some(module),
        }
    }

    /// The modules that use each other, each with those of its circles.
    fn circles(&self) -> BTreeMap<String, Vec<String>> {
        let used: BTreeMap<_, _> = self.modules.keys().map(|module| (module, self.used(module))).collect();
        let reached = |from: &Module| {
            let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
            while let Some(module) = next.pop() {
                next.extend(used[module].iter().filter(|one| reached.insert((*one).clone())));
            }
            reached
        };
        let all: BTreeMap<_, _> = self.modules.keys().map(|module| (module, reached(module))).collect();
        let name = |module: &Module| if module.is_empty() { "crate".into() } else { module.join("::") };
        let in_circle = self.modules.keys().filter(|module| all[*module].contains(*module));
        let back = |module: &Module| used[module].iter().filter(|one| all[*one].contains(module)).map(name).collect();
        in_circle.map(|module| (name(module), back(module))).collect()
    }
}

fn module(folder: &Path, file: &Path) -> Module {
    let inside = file.strip_prefix(folder).unwrap().with_extension("");
    inside.iter().map(|name| name.to_string_lossy().into_owned()).collect()
}

/// The `lib.rs` or `main.rs` of everything that is compiled on its own; a `main.rs` beside a `lib.rs` has no modules.
fn roots(package: &Package) -> Vec<PathBuf> {
    let source = root().join(&package.folder).join("src");
    // Some have tests only.
    let mut files = if source.is_dir() { files(&source, ".rs") } else { Vec::new() };
    files.retain(|file| {
        file.ends_with("lib.rs") || file.ends_with("main.rs") && !file.with_file_name("lib.rs").exists()
    });
    files
}

#[test]
fn no_file_uses_one_that_uses_it() {
    for package in packages().into_values() {
        let mut circles = Vec::new();
        for file in roots(&package) {
            for (module, used) in Crate::read(&file).circles() {
                circles.push(format!(
                    "{}: {module} and {}",
                    file.strip_prefix(root()).unwrap().display(),
                    used.join(", ")
                ));
            }
        }
        assert!(circles.is_empty(), "these use each other:\n{}", circles.join("\n"));
    }
}
