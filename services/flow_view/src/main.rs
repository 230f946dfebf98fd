//! The flow view as a process.

use std::process::ExitCode;

use service::{self};

fn main() -> ExitCode {
    service::main(flow_view::NAME, "127.0.0.1:8088", "127.0.0.1:9088", flow_view::service)
}
