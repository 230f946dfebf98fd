//! What describes administration: `/openapi.json` on the operations port.

use utoipa::{OpenApi, openapi::OpenApi as Description};

use super::{outbox, parked, replay, topology};
use crate::{
    health,
    http::{
        description::{BearerScheme, complete},
        exposition,
    },
    inbox_status,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "operations", description = "Health, metrics, parked messages, replays, republishing; what the service has on the bus. Not for the public."),
    paths(
        parked::list, parked::show, parked::retry, parked::retry_all, parked::discard_all, parked::edit, parked::discard,
        replay::replay, outbox::republish, inbox_status::inbox_status, topology::show, health::live, health::ready,
        exposition::export
    ),
    modifiers(&BearerScheme)
)]
struct Api;

pub fn openapi() -> Description {
    complete(Api::openapi(), "/")
}
