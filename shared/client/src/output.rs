//! What a command prints.

use std::io::{self, Write};

/// Prints `text` and the end of its last line; with its colours only on a terminal, and not if the user wants none
/// (<https://no-color.org>). A reader who has had enough (`fleet … | head`) is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(anstream::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
