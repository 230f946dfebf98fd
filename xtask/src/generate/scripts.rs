//! What the scripts know of the fleet.

use contracts::SERVICES;

use super::lines::lines;

/// The names of the services, and their ports unless the environment says otherwise.
pub fn fleet() -> String {
    let names: Vec<_> = SERVICES.iter().map(|service| service.name).collect();
    let ports = lines(|service| {
        let name = service.name.to_uppercase();
        format!("  {name}_PORT={} {name}_OPS_PORT={}\n", service.http_port, service.operations_port)
    });
    format!(
        "# shellcheck shell=bash disable=SC2034\n\
         # The services and their default ports. Generated from shared/contracts/src/services.rs: scripts/generate.\n\n\
         SERVICES=({})\n\
         SERVICE_PORTS=(\n{ports})\n",
        names.join(" ")
    )
}
