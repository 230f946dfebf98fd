//! The customer service as a process.

use std::process::ExitCode;

use service::config::NoSettings;

fn main() -> ExitCode {
    service::main(customer::SERVICE.name, customer::SERVICE.ports(), |database, _: &NoSettings| {
        Ok(customer::service(database))
    })
}
