//! The flow view as a process.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::main(flow_view::SERVICE.name, flow_view::SERVICE.ports(), flow_view::service)
}
