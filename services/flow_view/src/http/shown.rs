//! Flows as they are shown: as they were kept, but for services that do not answer just now.

use flow::{DeliveryStatus, Flow, answers::Changed};

use crate::{service_directory::ServiceDirectory, store::flows::Listed};

/// A flow in a list, or in the stream.
pub(super) fn changed(listed: Listed, directory: &ServiceDirectory) -> Changed {
    let mut flow = listed.flow.0;
    mark_unreachable(&mut flow, directory);
    Changed { flow, change: listed.change }
}

/// What a service said before it went away is not what it would say now.
pub(super) fn mark_unreachable(flow: &mut Flow, directory: &ServiceDirectory) {
    for overdue in flow.overdue.iter_mut().filter(|overdue| directory.is_unreachable(&overdue.service)) {
        overdue.held = Some(DeliveryStatus::unreachable(overdue.held.as_ref(), overdue.since));
    }
}
