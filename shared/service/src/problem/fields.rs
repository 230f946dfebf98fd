//! A request body as domain types, or every reason why not.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use serde_json::{Map, Value};

use super::{FieldProblem, Problem};

/// The fields of a JSON object, taken one by one; what is wrong is collected.
#[derive(Debug)]
pub struct FieldParser {
    left: Map<String, Value>,
    problems: Vec<FieldProblem>,
}

impl FieldParser {
    /// The fields of `object`.
    pub fn new(object: Map<String, Value>) -> Self {
        Self { left: object, problems: Vec::new() }
    }

    /// The text `name`, parsed; notes a problem and gives `None` if it is missing, no text, or refused.
    pub fn text<T, E: std::fmt::Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let parsed = match self.left.remove(name) {
            None | Some(Value::Null) => Err("is required".to_owned()),
            Some(Value::String(text)) => parse(&text).map_err(|error| error.to_string()),
            Some(_) => Err("must be a text".to_owned()),
        };
        parsed.map_err(|detail| self.problems.push(FieldProblem { field: name.into(), detail })).ok()
    }

    /// What was collected; fields that nobody took are unknown. `Ok` means that every field parsed.
    pub fn finish(mut self) -> Result<(), Problem> {
        let unknown = self.left.keys().map(|name| {
            // The name is the caller's text: bounded before it is sent back.
            let field: String = name.chars().take(64).collect();
            FieldProblem { field, detail: "is unknown here".into() }
        });
        self.problems.extend(unknown.take(16));
        if self.problems.is_empty() { Ok(()) } else { Err(Problem::fields(self.problems)) }
    }
}

/// Takes a JSON object from a request; 415, 413, 400 or 422 if there is none.
impl<S: Send + Sync> FromRequest<S> for FieldParser {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is over 64 KiB"),
            _ => Problem::new(StatusCode::BAD_REQUEST, "the body could not be read"),
        })?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(object)) => Ok(Self::new(object)),
            Ok(_) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the body must be a JSON object")),
            Err(error) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the body is not valid JSON (line {}, column {})", error.line(), error.column()),
            )),
        }
    }
}

/// `application/json` or any `+json`, parameters aside.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> FieldParser {
        match serde_json::from_str(json).expect("JSON") {
            Value::Object(object) => FieldParser::new(object),
            _ => panic!("no object"),
        }
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let mut fields = fields(r#"{"email": 7, "nmae": "Ada"}"#);
        assert_eq!(fields.text("email", |text| Ok::<_, String>(text.len())), None);
        assert_eq!(fields.text("name", |text| Ok::<_, String>(text.len())), None);
        let problem = fields.finish().expect_err("three problems");
        let names: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(names, ["email", "name", "nmae"]);
    }

    #[test]
    fn a_parser_s_reason_is_passed_on_without_the_value() {
        let mut fields = fields(r#"{"email": "secret"}"#);
        fields.text("email", |_| Err::<(), _>("is malformed"));
        let problem = serde_json::to_string(&fields.finish().expect_err("malformed")).expect("JSON");
        assert!(problem.contains("is malformed") && !problem.contains("secret"));
    }
}
