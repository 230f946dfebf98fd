//! The line of the change log, under a heading that is made and goes with it.

const UNRELEASED: &str = "## Unreleased\n\n### Added\n";

/// `log`, in which the service is announced.
pub fn announce(log: &str, service: &str, on: &str) -> String {
    let line = line(service, on);
    if let Some((before, after)) = log.split_once(UNRELEASED) {
        return format!("{before}{UNRELEASED}{line}{after}");
    }
    let at = log.find("\n## ").map_or(log.len(), |at| at + 1);
    let (before, after) = log.split_at(at);
    format!("{before}{UNRELEASED}{line}\n{after}")
}

/// `log` without that line, and without the heading if nothing else is under it.
pub fn withdraw(log: &str, service: &str, on: &str) -> String {
    let log = log.replace(&line(service, on), "");
    log.replace(&format!("{UNRELEASED}\n## "), "## ")
}

fn line(service: &str, on: &str) -> String {
    format!("- The service `{service}`, which reacts to `{on}`.\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_announced_and_withdrawn_without_a_trace() {
        let released = "# Changelog\n\nAll.\n\n## 0.2.0\n\n### Added\n- It.\n";
        let open = "# Changelog\n\nAll.\n\n## Unreleased\n\n### Added\n- Others.\n\n## 0.2.0\n";
        for log in [released, open] {
            let announced = announce(log, "payment", "customer_created");
            assert!(announced.contains("### Added\n- The service `payment`, which reacts to `customer_created`.\n"));
            assert_eq!(announced.matches("## Unreleased").count(), 1);
            assert_eq!(withdraw(&announced, "payment", "customer_created"), log);
        }
    }
}
