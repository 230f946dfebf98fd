//! Colours, where a person reads: whoever prints takes them out where nobody wants any (`output`).

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

pub fn bold(text: &str) -> String {
    with(Style::new().bold(), text)
}

pub fn dim(text: &str) -> String {
    with(Style::new().dimmed(), text)
}

pub fn red(text: &str) -> String {
    with(AnsiColor::Red.on_default(), text)
}

pub fn green(text: &str) -> String {
    with(AnsiColor::Green.on_default(), text)
}

pub fn yellow(text: &str) -> String {
    with(AnsiColor::Yellow.on_default(), text)
}

fn with(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
