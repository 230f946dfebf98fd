//! The loyalty service as a process.

use std::process::ExitCode;

use service::{self, config::NoSettings};

fn main() -> ExitCode {
    service::main(loyalty::NAME, "127.0.0.1:8082", "127.0.0.1:9082", |database, _: &NoSettings| {
        Ok(loyalty::service(database))
    })
}
