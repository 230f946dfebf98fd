//! The loyalty service as a process.

use std::process::ExitCode;

use service::config::NoSettings;

fn main() -> ExitCode {
    service::main(loyalty::SERVICE.name, loyalty::SERVICE.ports(), |database, _: &NoSettings| {
        Ok(loyalty::service(database))
    })
}
