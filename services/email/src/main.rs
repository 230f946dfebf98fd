//! The email service as a process.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::main(email::SERVICE.name, email::SERVICE.ports(), email::service)
}
