//! The services of the fleet: the one list of their names, ports and roles.

use serde::Serialize;

/// A service, and where it listens by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceInfo {
    /// The name of its program, schema, queue, database role and broker user.
    pub name: &'static str,
    /// The port of its public HTTP API.
    pub http_port: u16,
    /// The port of its health checks, metrics and administration.
    pub operations_port: u16,
    /// What it does in the dance.
    pub role: Role,
}

impl ServiceInfo {
    /// The ports of its public API and of its operations.
    pub const fn ports(&self) -> (u16, u16) {
        (self.http_port, self.operations_port)
    }
}

/// What a service does in the dance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It reacts to events or publishes some.
    Participant,
    /// It subscribes to every event and takes no part.
    Observer,
}

/// Registers customers.
pub const CUSTOMER: ServiceInfo =
    ServiceInfo { name: "customer", http_port: 8080, operations_port: 9080, role: Role::Participant };
/// Sends mails.
pub const EMAIL: ServiceInfo =
    ServiceInfo { name: "email", http_port: 8081, operations_port: 9081, role: Role::Participant };
/// Books points.
pub const LOYALTY: ServiceInfo =
    ServiceInfo { name: "loyalty", http_port: 8082, operations_port: 9082, role: Role::Participant };
/// Shows every flow.
pub const FLOW_VIEW: ServiceInfo =
    ServiceInfo { name: "flow_view", http_port: 8088, operations_port: 9088, role: Role::Observer };

/// Every service of the fleet.
pub const SERVICES: &[ServiceInfo] = &[CUSTOMER, EMAIL, LOYALTY, FLOW_VIEW];

/// The names of the services with this role, in the order of the list.
pub fn with_role(role: Role) -> impl Iterator<Item = &'static str> {
    SERVICES.iter().filter(move |service| service.role == role).map(|service| service.name)
}

/// The service of this name.
pub fn named(name: &str) -> Option<&'static ServiceInfo> {
    SERVICES.iter().find(|service| service.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_services_share_a_name_or_a_port() {
        let names: HashSet<_> = SERVICES.iter().map(|service| service.name).collect();
        let ports = SERVICES.iter().flat_map(|service| [service.http_port, service.operations_port]);
        assert_eq!(names.len(), SERVICES.len());
        assert_eq!(ports.collect::<HashSet<_>>().len(), 2 * SERVICES.len());
    }
}
