//! What is said of each service alike.

use contracts::{SERVICES, ServiceInfo};

/// One line, or several, for each service.
pub fn lines(line: impl Fn(&ServiceInfo) -> String) -> String {
    SERVICES.iter().map(line).collect()
}
