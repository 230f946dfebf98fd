//! The services' variables in `.env.example`.

use super::{lines::lines, region::replace};

/// The file with its generated parts.
pub fn fill(text: &str) -> anyhow::Result<String> {
    let passwords = lines(|service| format!("{}_PASSWORD={}\n", service.name.to_uppercase(), service.name));
    let ports = lines(|service| {
        let upper = service.name.to_uppercase();
        format!("{upper}_PORT={}\n{upper}_OPS_PORT={}\n", service.http_port, service.operations_port)
    });
    replace(&replace(text, "passwords", &passwords)?, "ports", &ports)
}
