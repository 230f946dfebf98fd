//! The customer service as a process.

use std::process::ExitCode;

use service::{self, config::NoSettings};

fn main() -> ExitCode {
    service::main(customer::NAME, "127.0.0.1:8080", "127.0.0.1:9080", |database, _: &NoSettings| {
        Ok(customer::service(database))
    })
}
