//! What a command prints. Nowhere else does one print (clippy's `print_stdout` and `print_stderr`): `println!` panics where a
//! reader has gone or a disk is full.

use std::{
    fmt::Display,
    io::{self, Write},
    process,
};

use anyhow::Context;

/// Prints `text` and the end of its last line; with its colours only on a terminal, and not if the user wants none
/// (<https://no-color.org>). A reader who has had enough (`fleet … | head`) is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(anstream::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("can't write to standard output"),
    }
}

/// Tells whoever watches, beside what is printed. If nobody can be told, nothing else suffers.
pub fn tell(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{text:#}");
}

/// Ends the process as clap would, with a help, a version, or what is wrong with the command line; with an error if that can't
/// be written.
pub fn exit(error: &clap::Error) -> ! {
    let code = match error.print() {
        Err(failed) if failed.kind() != io::ErrorKind::BrokenPipe => {
            tell(format_args!("error: can't write to standard output: {failed}"));
            1
        }
        _ => error.exit_code(),
    };
    process::exit(code)
}
