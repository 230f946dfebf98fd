//! The customer service as a process.

use std::process::ExitCode;

use shared::{config::NoSettings, service};

fn main() -> ExitCode {
    service::main(customer::NAME, "127.0.0.1:8080", "127.0.0.1:9080", |database, _: &NoSettings| {
        Ok(customer::service(database))
    })
}
