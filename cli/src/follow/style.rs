//! Colours, where a person reads.

use std::{
    env,
    io::{IsTerminal, stdout},
};

/// Colours text, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// Colours only on a terminal, and not if the user wants none (<https://no-color.org>).
    pub fn for_stdout() -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { on: stdout().is_terminal() && !unwanted && !dumb }
    }

    /// No colours.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self { on: false }
    }

    pub fn bold(self, text: &str) -> String {
        self.with(1, text)
    }

    pub fn dim(self, text: &str) -> String {
        self.with(2, text)
    }

    pub fn red(self, text: &str) -> String {
        self.with(31, text)
    }

    pub fn green(self, text: &str) -> String {
        self.with(32, text)
    }

    pub fn yellow(self, text: &str) -> String {
        self.with(33, text)
    }

    /// By an SGR code (ECMA-48, section 8.3.117).
    fn with(self, code: u8, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
