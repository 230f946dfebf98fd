//! The paths that a file of Rust names, read from its tokens: comments and texts are none. Tests in the file don't count.

use std::{fs, path::Path};

use proc_macro2::{TokenStream, TokenTree};

/// `use a::b::c as d;`
pub struct Import {
    pub path: Vec<String>,
    /// The name that it has from here on; `*` if it is all names.
    pub name: String,
    /// Whether others may use that name, too.
    pub is_public: bool,
}

/// What a file names.
#[derive(Default)]
pub struct Source {
    pub imports: Vec<Import>,
    /// Paths outside of `use`, single names too.
    pub paths: Vec<Vec<String>>,
}

/// Every path of several names in `file`.
pub fn uses(file: &Path) -> Vec<Vec<String>> {
    let Source { imports, mut paths } = read(file);
    paths.extend(imports.into_iter().map(|import| import.path));
    paths.retain(|path| path.len() > 1);
    paths
}

/// What `file` names.
pub fn read(file: &Path) -> Source {
    let tokens: TokenStream = fs::read_to_string(file).unwrap().parse().unwrap();
    let mut words = Vec::new();
    flatten(tokens, &mut words);
    let (mut source, mut at) = (Source::default(), 0);
    while at < words.len() {
        at = match word(&words, at) {
            "use" => import(&words, at, &mut source.imports),
            "fn" | "mod" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "." => at + 2,
            one if is_name(one) => path(&words, at, &mut source.paths),
            _ => at + 1,
        };
    }
    source
}

fn flatten(tokens: TokenStream, words: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) if is_test(words) => {
                assert!(!group.stream().is_empty(), "an empty module of tests");
            }
            TokenTree::Group(group) => {
                words.push("(".into());
                flatten(group.stream(), words);
                words.push(")".into());
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' && words.last().is_some_and(|last| last == ":") => {
                words.pop();
                words.push("::".into());
            }
            TokenTree::Literal(_) => words.push("\"".into()),
            other => words.push(other.to_string()),
        }
    }
}

/// `#[cfg(test)] mod tests`, also if it is `pub`.
fn is_test(words: &[String]) -> bool {
    let Some(before) = words.strip_suffix(&["mod", "tests"].map(String::from)) else { return false };
    let before = before.strip_suffix(&["pub".to_owned()]).unwrap_or(before);
    before.ends_with(&["(", "cfg", "(", "test", ")", ")"].map(String::from))
}

fn word(words: &[String], at: usize) -> &str {
    words.get(at).map_or("", String::as_str)
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn path(words: &[String], from: usize, paths: &mut Vec<Vec<String>>) -> usize {
    let (mut path, mut at) = (vec![words[from].clone()], from + 1);
    while word(words, at) == "::" && is_name(word(words, at + 1)) {
        path.push(words[at + 1].clone());
        at += 2;
    }
    paths.push(path);
    at
}

fn import(words: &[String], at: usize, imports: &mut Vec<Import>) -> usize {
    let before = at.checked_sub(1).map_or("", |before| word(words, before));
    let is_public = before == "pub" || before == ")" && words[..at].iter().rev().take(5).any(|word| word == "pub");
    let begun = imports.len();
    let end = tree(words, at + 1, &[], imports);
    imports[begun..].iter_mut().for_each(|import| import.is_public = is_public);
    end
}

/// Reads what follows `prefix`, up to the end of a branch.
fn tree(words: &[String], mut at: usize, prefix: &[String], imports: &mut Vec<Import>) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match word(words, at) {
            "::" => at += 1,
            "(" => {
                while word(words, at) != ")" {
                    at = tree(words, at + 1, &path, imports);
                }
                return at + 1;
            }
            "," | ";" | ")" | "" => break,
            "as" => {
                let name = words[at + 1].clone();
                imports.push(Import { path, name, is_public: false });
                return at + 2;
            }
            "self" if !path.is_empty() => at += 1,
            one => {
                path.push(one.into());
                at += 1;
            }
        }
    }
    if path.len() > prefix.len() || word(words, at - 1) == "self" {
        let name = path.last().unwrap().clone();
        imports.push(Import { path, name, is_public: false });
    }
    at
}

#[test]
fn paths_are_read_as_the_compiler_reads_them() {
    let file = std::env::temp_dir().join(format!("walls-{}.rs", std::process::id()));
    let text =
        "//! a::comment\npub use b::{self, c::{D as E, F}, g};\nuse crate::h::*;\nfn i() { j.k(super::l::M(\"n::o\")) }
                #[cfg(test)]\nmod tests { use p::q; }";
    fs::write(&file, text).unwrap();
    let Source { imports, paths } = read(&file);
    fs::remove_file(&file).unwrap();
    let imports: Vec<_> = imports.iter().map(|one| (one.path.join("::"), one.name.as_str(), one.is_public)).collect();
    let expected = [
        ("b", "b", true),
        ("b::c::D", "E", true),
        ("b::c::F", "F", true),
        ("b::g", "g", true),
        ("crate::h::*", "*", false),
    ];
    assert_eq!(imports, expected.map(|(path, name, is_public)| (path.to_owned(), name, is_public)));
    let paths: Vec<_> = paths.iter().filter(|path| path.len() > 1).map(|path| path.join("::")).collect();
    assert_eq!(paths, ["super::l::M"]);
}
