//! `template_service` as a process.

use std::process::ExitCode;

use service::config::NoSettings;

fn main() -> ExitCode {
    service::main(template_service::SERVICE.name, template_service::SERVICE.ports(), |database, _: &NoSettings| {
        Ok(template_service::service(database))
    })
}
