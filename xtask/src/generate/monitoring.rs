//! Whom Prometheus asks.

use super::lines::lines;

/// Every operations port, as the composition names them.
pub fn targets() -> String {
    let head = "# The operations ports, as docker-compose.yml names them. Generated: scripts/generate.\n";
    let targets = lines(|service| {
        let name = service.name;
        format!("- {{ labels: {{ job: {name} }}, targets: [\"{name}:{}\"] }}\n", service.operations_port)
    });
    head.to_owned() + &targets
}
