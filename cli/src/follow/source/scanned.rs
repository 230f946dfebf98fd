//! Lines, one by one, and how many they were.

use std::{fmt, io::BufRead};

use anyhow::Context;

/// How much was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Scanned {
    pub lines: u64,
    pub place: String,
    /// Files that could not be understood.
    pub skipped: Vec<String>,
}

impl fmt::Display for Scanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", count(self.lines, "line"), self.place)?;
        if self.skipped.is_empty() { Ok(()) } else { write!(f, ", without {}", self.skipped.join(", ")) }
    }
}

pub fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Hands the lines of `from` to `visit` one by one; gives their number.
pub fn each_line(mut from: impl BufRead, visit: &mut dyn FnMut(&[u8])) -> anyhow::Result<u64> {
    let (mut lines, mut line) = (0, Vec::new());
    while from.read_until(b'\n', &mut line).context("can't read on")? > 0 {
        visit(&line);
        line.clear();
        lines += 1;
    }
    Ok(lines)
}
