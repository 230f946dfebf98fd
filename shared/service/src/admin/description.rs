//! What describes administration: `/openapi.json` on the operations port.

use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Description,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use super::{outbox, parked, replay, topology};
use crate::inbox_status;

#[derive(OpenApi)]
#[openapi(
    info(title = "administration", description = "Parked messages, replays, republishing; what the service has on the bus. Not for the public."),
    paths(
        parked::list, parked::show, parked::retry, parked::retry_all, parked::discard_all, parked::edit, parked::discard,
        replay::replay,
        outbox::republish, inbox_status::inbox_status, topology::show
    ),
    modifiers(&Token)
)]
struct Api;

struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut Description) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        description.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

pub fn openapi() -> Description {
    Api::openapi()
}
