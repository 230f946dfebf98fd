//! Descriptions of APIs (OpenAPI 3.1), completed: what holds for every operation of ours is said once, here.
//!
//! A handler's own description has its parameters, its answer, and the problems that only it knows. Added are those that
//! extractors and layers answer, by what the operation takes; ids, tags, server, licence; and that it is open, unless it
//! says that it is not.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::{
    Modify, PartialSchema, ToSchema,
    openapi::{
        Contact, Content, Header, License, OpenApi, PathItem, Ref, RefOr, Response, SecurityRequirement, Server,
        path::{Operation, Parameter, ParameterIn},
        schema::{ObjectBuilder, Type},
        security::{Http, HttpAuthScheme, SecurityScheme},
        tag::TagBuilder,
    },
};

use crate::problem::Problem;

/// Describes the token that an operation with `security(("token" = []))` asks for.
#[derive(Clone, Copy, Debug)]
pub struct BearerScheme;

impl Modify for BearerScheme {
    fn modify(&self, description: &mut OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        description.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

const PROBLEM: &str = "application/problem+json";
/// RFC 9110, section 15: what each status means here.
const PROBLEMS: [(u16, &str); 12] = [
    (400, "The request can't be understood"),
    (401, "A token is needed, or the one that was sent is none"),
    (403, "Nobody may do this: the service was started without a token"),
    (404, "There is no such thing"),
    (408, "The body did not come in time"),
    (413, "The body is too long"),
    (415, "The body is of another type than this takes"),
    (421, "The request was made for a host that is not this one"),
    (422, "The request names what can't be so; `errors` says which fields"),
    (500, "Something went wrong on our side"),
    (502, "The service behind this one does not answer"),
    (503, "Not just now: try again after `Retry-After` seconds"),
];

/// `description`, complete, of an API that is found at `server`.
pub fn complete(mut description: OpenApi, server: &str) -> OpenApi {
    let title = description.info.title.clone();
    description.info.license = Some(licence());
    description.info.contact = Some(contact());
    description.servers = Some(vec![Server::new(server)]);
    description.security = Some(Vec::new());
    description.tags =
        Some(vec![TagBuilder::new().name(&title).description(description.info.description.clone()).build()]);
    for (path, item) in &mut description.paths.paths {
        for (method, operation) in operations(item) {
            operation.operation_id = Some(operation_id(method, path));
            operation.tags = Some(vec![title.clone()]);
            operation.security.get_or_insert_default();
            complete_responses(operation);
        }
    }
    add_schemas(&mut description);
    description
}

fn licence() -> License {
    let mut licence = License::new(env!("CARGO_PKG_LICENSE"));
    licence.identifier = Some(env!("CARGO_PKG_LICENSE").into());
    licence
}

fn contact() -> Contact {
    let mut contact = Contact::new();
    contact.name = Some("Pas de Trois".into());
    contact
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [("get", get), ("put", put), ("post", post), ("delete", delete), ("patch", patch)];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Of `GET /admin/parked/{event_id}`: `get_admin_parked_event_id`. No two operations have the same.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(['/', '{', '}', '.']).filter(|word| !word.is_empty());
    [method].into_iter().chain(words).collect::<Vec<_>>().join("_")
}

fn complete_responses(operation: &mut Operation) {
    for status in possible(operation) {
        operation.responses.responses.entry(status.to_string()).or_insert_with(|| RefOr::T(problem()));
    }
    for (status, response) in &mut operation.responses.responses {
        if let (Ok(status), RefOr::T(response)) = (status.parse::<u16>(), response)
            && status >= 400
        {
            complete_problem(status, response);
        }
    }
}

/// The problems that an operation has by what it takes.
fn possible(operation: &Operation) -> Vec<u16> {
    // Host, a body that never comes, overload: before anybody looks at what is asked for.
    let mut statuses = vec![400, 408, 413, 421, 500, 503];
    let parameters = operation.parameters.iter().flatten();
    let is_found =
        |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(one) if one.parameter_in == ParameterIn::Path);
    if parameters.into_iter().any(is_found) {
        statuses.push(404);
    }
    if operation.request_body.is_some() {
        statuses.extend([415, 422]);
    }
    let security = operation.security.iter().flatten();
    if security.clone().next().is_some() {
        statuses.push(401);
    }
    // Where a token is needed, there may be none that would do.
    if security.clone().next().is_some() && !security.clone().any(|one| *one == SecurityRequirement::default()) {
        statuses.push(403);
    }
    statuses
}

fn problem() -> Response {
    let mut response = Response::new("");
    response.content.insert(PROBLEM.into(), RefOr::T(Content::new(Some(Ref::from_schema_name(Problem::name())))));
    response
}

/// Problem details say what they are, and come with the headers of their status.
fn complete_problem(status: u16, response: &mut Response) {
    let is_problem = |content: &RefOr<Content>| serde_json::json!(content).to_string().contains("/Problem\"");
    if response.content.get("application/json").is_some_and(is_problem) {
        let content = response.content.swap_remove("application/json");
        response.content.extend(content.map(|content| (PROBLEM.to_owned(), content)));
    }
    if response.description.is_empty() {
        let ours = PROBLEMS.iter().find(|(known, _)| *known == status).map(|(_, text)| *text);
        let canonical = || StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        response.description = ours.or_else(canonical).unwrap_or("A problem").into();
    }
    let header = match status {
        401 => ("www-authenticate", "How to ask (RFC 6750)", Type::String),
        503 => ("retry-after", "After how many seconds to try again", Type::Integer),
        _ => return,
    };
    let (name, text, kind) = header;
    let mut header = Header::new(ObjectBuilder::new().schema_type(kind));
    header.description = Some(text.into());
    response.headers.insert(name.into(), RefOr::T(header));
}

fn add_schemas(description: &mut OpenApi) {
    let components = description.components.get_or_insert_default();
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas.into_iter().collect::<BTreeMap<_, _>>());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;
    use utoipa::OpenApi as _;

    use super::*;

    #[utoipa::path(
        get, path = "/things/{id}", params(("id" = String, Path)), responses(
            (status = 200, body = String, description = "A thing"), (status = 409, body = Problem),
            (status = 503, body = Value, description = "Not a problem")))]
    #[expect(dead_code, reason = "only described")]
    fn show() {}

    #[utoipa::path(post, path = "/things/{id}", params(("id" = String, Path)), request_body = String, security(("token" = [])))]
    #[expect(dead_code, reason = "only described")]
    fn change() {}

    #[utoipa::path(get, path = "/things", security((), ("token" = [])))]
    #[expect(dead_code, reason = "only described")]
    fn list() {}

    #[derive(utoipa::OpenApi)]
    #[openapi(info(title = "things", description = "All of them."), paths(show, change, list), modifiers(&BearerScheme))]
    struct Api;

    fn described() -> Value {
        serde_json::json!(complete(Api::openapi(), "/below"))
    }

    fn statuses(operation: &Value) -> BTreeSet<&str> {
        operation["responses"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn an_operation_has_the_problems_of_what_it_takes() {
        let api = described();
        let always = ["400", "408", "413", "421", "500", "503"];
        let and = |more: &[&'static str]| always.iter().chain(more).copied().collect::<BTreeSet<_>>();
        assert_eq!(statuses(&api["paths"]["/things/{id}"]["get"]), and(&["200", "404", "409"]));
        assert_eq!(statuses(&api["paths"]["/things/{id}"]["post"]), and(&["401", "403", "404", "415", "422"]));
        assert_eq!(statuses(&api["paths"]["/things"]["get"]), and(&["401"]), "a token that is optional");
    }

    #[test]
    fn problems_say_what_they_are_and_other_answers_keep_their_type() {
        let api = described();
        let responses = &api["paths"]["/things/{id}"]["get"]["responses"];
        for (status, response) in responses.as_object().unwrap() {
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{status}");
            let form = if ["200", "503"].contains(&status.as_str()) { None } else { response["content"].get(PROBLEM) };
            assert_eq!(form.is_some(), !["200", "503"].contains(&status.as_str()), "{status}: {response}");
        }
        assert!(responses["503"]["content"]["application/json"].is_object());
        assert!(responses["503"]["headers"]["retry-after"].is_object());
        assert!(api["components"]["schemas"]["FieldProblem"].is_object());
    }

    #[test]
    fn what_holds_for_all_operations_is_there() {
        let api = described();
        assert_eq!(api["servers"][0]["url"], "/below");
        assert_eq!(api["tags"][0]["name"], "things");
        assert!(api["info"]["license"]["identifier"].is_string() && api["info"]["contact"]["name"].is_string());
        let show = &api["paths"]["/things/{id}"]["get"];
        assert_eq!((&show["security"], &show["tags"][0]), (&serde_json::json!([]), &serde_json::json!("things")));
        assert_eq!(show["operationId"], "get_things_id");
        assert_eq!(api["paths"]["/things/{id}"]["post"]["operationId"], "post_things_id");
    }
}
