//! A Rust file that is edited where its syntax tree says.
//!
//! The tree only tells the places: what is not edited stays as it was written, comments and all.

use std::{
    io::Write,
    ops::Range,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use syn::{Expr, Item, Stmt, spanned::Spanned};
use thiserror::Error;

/// A list is not where it was expected, or looks otherwise.
#[derive(Debug, Error)]
#[error("{file} has another shape than expected: there is no {list}. Nothing was changed. Add by hand:\n\n{line}\n")]
pub struct UnknownShape {
    /// The file, from the root of the tree.
    pub file: String,
    /// What was looked for.
    pub list: String,
    /// What was to be added.
    pub line: String,
}

/// The text of a file, and where it lies.
#[derive(Clone, Debug)]
pub struct RustFile {
    path: String,
    text: String,
}

impl RustFile {
    /// `text` as it stands in the file `path`.
    pub fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), text }
    }

    /// Adds `element` at the end of the array that the constant `name` refers to.
    pub fn push_to_array(&mut self, name: &str, element: &str) -> anyhow::Result<()> {
        let array = self.array(name)?.ok_or_else(|| self.unknown(&format!("constant array {name}"), element))?;
        let (at, separator) = match array.elems.last() {
            Some(last) if array.elems.trailing_punct() => (end_of_line_item(&array, last), " "),
            Some(last) => (last.span().byte_range().end, ", "),
            None => (array.bracket_token.span.open().byte_range().end, ""),
        };
        self.text.insert_str(at, &format!("{separator}{element}"));
        Ok(())
    }

    /// Takes out of the array `name` every element for which `is_meant` says so of its text.
    pub fn remove_from_array(&mut self, name: &str, is_meant: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let Some(array) = self.array(name)? else {
            return Err(self.unknown(&format!("constant array {name}"), "").into());
        };
        let ranges = array.elems.pairs().filter_map(|pair| {
            let element = pair.value().span().byte_range();
            let end = pair.punct().map_or(element.end, |comma| comma.span.byte_range().end);
            is_meant(&self.text[element.clone()]).then_some(element.start..end)
        });
        let ranges = ranges.collect();
        self.cut(ranges);
        Ok(())
    }

    /// Adds `item` behind the last item for which `is_neighbour` says so of its text.
    pub fn add_item_after(
        &mut self,
        is_neighbour: impl Fn(&str) -> bool,
        what: &str,
        item: &str,
    ) -> anyhow::Result<()> {
        let ranges = self.items()?;
        let last = ranges.into_iter().rfind(|range| is_neighbour(&self.text[range.clone()]));
        let end = last.ok_or_else(|| self.unknown(what, item))?.end;
        self.text.insert_str(end, &format!("\n{item}"));
        Ok(())
    }

    /// Takes out every item for which `is_meant` says so of its text (attributes and doc comments included).
    pub fn remove_items(&mut self, is_meant: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let ranges = self.items()?.into_iter().filter(|range| is_meant(&self.text[range.clone()])).collect();
        self.cut(ranges);
        Ok(())
    }

    /// Adds `statement` at the end of the function `name`.
    pub fn push_statement(&mut self, name: &str, statement: &str) -> anyhow::Result<()> {
        let block = self.function(name)?.ok_or_else(|| self.unknown(&format!("function {name}"), statement))?;
        let at = block
            .stmts
            .last()
            .map_or(block.brace_token.span.open().byte_range().end, |last| last.span().byte_range().end);
        self.text.insert_str(at, &format!("\n    {statement}"));
        Ok(())
    }

    /// Takes out of the function `name` every statement for which `is_meant` says so of its text.
    pub fn remove_statements(&mut self, name: &str, is_meant: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let Some(block) = self.function(name)? else {
            return Err(self.unknown(&format!("function {name}"), "").into());
        };
        let ranges = block.stmts.iter().map(|statement| statement.span().byte_range());
        let ranges = ranges.filter(|range| is_meant(&self.text[range.clone()])).collect();
        self.cut(ranges);
        Ok(())
    }

    /// Adds a call to the end of the chain of calls that the function `name` ends with.
    pub fn push_call(&mut self, name: &str, call: &str) -> anyhow::Result<()> {
        let chain = self.function(name)?.and_then(|block| match block.stmts.into_iter().next_back() {
            Some(Stmt::Expr(Expr::MethodCall(chain), None)) => Some(chain),
            _ => None,
        });
        let chain = chain.ok_or_else(|| self.unknown(&format!("chain of calls in the function {name}"), call))?;
        self.text.insert_str(chain.span().byte_range().end, call);
        Ok(())
    }

    /// Adds `mod name;` to the inline module `module`.
    pub fn push_submodule(&mut self, module: &str, name: &str) -> anyhow::Result<()> {
        let line = format!("mod {name};");
        let last = self
            .submodules(module)?
            .pop()
            .ok_or_else(|| self.unknown(&format!("module {module} with modules in it"), &line))?;
        self.text.insert_str(last.end, &format!("\n{line}"));
        Ok(())
    }

    /// Takes `mod name;` out of the inline module `module`.
    pub fn remove_submodule(&mut self, module: &str, name: &str) -> anyhow::Result<()> {
        let line = format!("mod {name};");
        let ranges = self.submodules(module)?.into_iter().filter(|range| self.text[range.clone()] == line).collect();
        self.cut(ranges);
        Ok(())
    }

    /// The names of the constants whose text `is_meant` accepts.
    pub fn constants(&self, is_meant: impl Fn(&str) -> bool) -> anyhow::Result<Vec<String>> {
        let constants = self.parse()?.items.into_iter().filter_map(|item| match item {
            Item::Const(constant) if is_meant(&self.text[constant.span().byte_range()]) => {
                Some(constant.ident.to_string())
            }
            _ => None,
        });
        Ok(constants.collect())
    }

    /// The text, formatted as the tree is.
    pub fn formatted(self, root: &Path) -> anyhow::Result<String> {
        format(&self.text, root).with_context(|| format!("cannot format {}", self.path))
    }

    fn parse(&self) -> anyhow::Result<syn::File> {
        syn::parse_file(&self.text).with_context(|| format!("cannot parse {}", self.path))
    }

    fn unknown(&self, list: &str, line: &str) -> UnknownShape {
        UnknownShape { file: self.path.clone(), list: list.to_owned(), line: line.to_owned() }
    }

    fn items(&self) -> anyhow::Result<Vec<Range<usize>>> {
        Ok(self.parse()?.items.iter().map(|item| item.span().byte_range()).collect())
    }

    fn array(&self, name: &str) -> anyhow::Result<Option<syn::ExprArray>> {
        let found = self.parse()?.items.into_iter().find_map(|item| match item {
            Item::Const(constant) if constant.ident == name => array_in(*constant.expr),
            _ => None,
        });
        Ok(found)
    }

    fn function(&self, name: &str) -> anyhow::Result<Option<syn::Block>> {
        let found = self.parse()?.items.into_iter().find_map(|item| match item {
            Item::Fn(function) if function.sig.ident == name => Some(*function.block),
            _ => None,
        });
        Ok(found)
    }

    fn submodules(&self, module: &str) -> anyhow::Result<Vec<Range<usize>>> {
        let content = self.parse()?.items.into_iter().find_map(|item| match item {
            Item::Mod(found) if found.ident == module => Some(found.content?.1),
            _ => None,
        });
        let modules = content.into_iter().flatten().filter(|item| matches!(item, Item::Mod(_)));
        Ok(modules.map(|item| item.span().byte_range()).collect())
    }

    /// Takes the ranges out, with the line ends that they leave behind.
    fn cut(&mut self, mut ranges: Vec<Range<usize>>) {
        ranges.sort_by_key(|range| range.start);
        for range in ranges.into_iter().rev() {
            let end = range.end + usize::from(self.text[range.end..].starts_with('\n'));
            let before = self.text[..range.start].trim_end_matches(' ');
            let start = if before.ends_with('\n') { before.len() } else { range.start };
            self.text.replace_range(start..end, "");
        }
    }
}

/// Behind the comma that follows the last element.
fn end_of_line_item(array: &syn::ExprArray, last: &Expr) -> usize {
    array
        .elems
        .pairs()
        .next_back()
        .and_then(|pair| Some(pair.punct()?.span.byte_range().end))
        .unwrap_or(last.span().byte_range().end)
}

/// `[…]` or `&[…]`.
fn array_in(expression: Expr) -> Option<syn::ExprArray> {
    match expression {
        Expr::Array(array) => Some(array),
        Expr::Reference(reference) => array_in(*reference.expr),
        _ => None,
    }
}

/// As rustfmt writes `text` by the settings of the tree.
pub fn format(text: &str, root: &Path) -> anyhow::Result<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start rustfmt")?;
    rustfmt.stdin.take().context("no input")?.write_all(text.as_bytes())?;
    let output = rustfmt.wait_with_output()?;
    ensure!(output.status.success(), "rustfmt does not understand it");
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: &str = "\
/// All.
pub const ALL: &[Thing] = &[ONE, TWO];

const LINES: &[Thing] = &[
    // The first.
    Thing { name: \"one\" },
    Thing { name: \"two\" },
];

fn check() {
    holds(\"one\");
}

fn chain() -> Chain {
    Chain::new().on(1)
}

mod suite {
    mod one;
}
";

    type Edit = fn(&mut RustFile) -> anyhow::Result<()>;

    fn edited(edit: impl Fn(&mut RustFile) -> anyhow::Result<()>) -> String {
        let mut file = RustFile::new("lists.rs", LISTS.into());
        edit(&mut file).unwrap();
        file.formatted(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))).unwrap()
    }

    #[test]
    fn what_was_added_can_be_taken_out_and_nothing_else_changes() {
        let both: [(&str, Edit, Edit); 5] = [
            (
                "&[ONE, TWO, NEW]",
                |file| file.push_to_array("ALL", "NEW"),
                |file| file.remove_from_array("ALL", |text| text == "NEW"),
            ),
            (
                "    Thing { name: \"two\" },\n    Thing { name: \"new\" },\n];",
                |file| file.push_to_array("LINES", "Thing { name: \"new\" },"),
                |file| file.remove_from_array("LINES", |text| text.contains("\"new\"")),
            ),
            (
                "holds(\"one\");\n    holds(\"new\");",
                |file| file.push_statement("check", "holds(\"new\");"),
                |file| file.remove_statements("check", |text| text.contains("\"new\"")),
            ),
            (
                "    mod new;\n    mod one;",
                |file| file.push_submodule("suite", "new"),
                |file| file.remove_submodule("suite", "new"),
            ),
            (
                "pub const ALL: &[Thing] = &[ONE, TWO];\nconst NEW: Thing = Thing;",
                |file| file.add_item_after(|text| text.contains("ALL"), "ALL", "const NEW: Thing = Thing;"),
                |file| file.remove_items(|text| text.contains("const NEW")),
            ),
        ];
        for (expected, add, remove) in both {
            assert!(edited(add).contains(expected), "{}", edited(add));
            assert_eq!(edited(|file| add(file).and_then(|()| remove(file))), LISTS);
        }
        assert!(edited(|file| file.push_call("chain", ".on(2)")).contains("Chain::new().on(1).on(2)"));
    }

    #[test]
    fn another_shape_is_an_error_with_the_line_to_add() {
        let mut file = RustFile::new("lists.rs", "pub const ALL: Things = things();".into());
        let error = file.push_to_array("ALL", "NEW").unwrap_err().to_string();
        assert!(error.contains("lists.rs") && error.contains("\n\nNEW\n"), "{error}");
    }
}
