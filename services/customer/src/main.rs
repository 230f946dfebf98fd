//! The customer service as a process.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::main(customer::SERVICE.name, customer::SERVICE.ports(), |database, config| {
        Ok(customer::service(database, config))
    })
}
