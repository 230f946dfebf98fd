//! The email service as a process.

use std::process::ExitCode;

use service::{self};

fn main() -> ExitCode {
    service::main(email::NAME, "127.0.0.1:8081", "127.0.0.1:9081", email::service)
}
