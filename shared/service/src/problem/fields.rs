//! A request body as domain types, or every reason why not.

use std::{collections::BTreeSet, fmt};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value, error::Category};

use super::{FieldProblem, Problem};

/// How many names of the caller's own are sent back.
const MOST: usize = 16;

/// The fields of a JSON object, taken one by one; what is wrong is collected.
#[derive(Debug)]
pub struct FieldParser {
    left: Map<String, Value>,
    problems: Vec<FieldProblem>,
}

impl FieldParser {
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
        let unknown =
            self.left.keys().map(|name| FieldProblem { field: shown(name), detail: "is unknown here".into() });
        self.problems.extend(unknown.take(MOST));
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
        serde_json::from_slice(&body).map_err(|error| match error.classify() {
            Category::Data => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the body must be a JSON object"),
            _ => Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the body is not valid JSON (line {}, column {})", error.line(), error.column()),
            ),
        })
    }
}

/// A name that is there twice is noted: readers differ in which of the two counts (RFC 8259, section 4), and what one of them
/// has checked, another would not take.
impl<'de> Deserialize<'de> for FieldParser {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = FieldParser;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FieldParser, A::Error> {
        let (mut left, mut twice) = (Map::new(), BTreeSet::new());
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if left.insert(name.clone(), value).is_some() {
                twice.insert(name);
            }
        }
        let problems =
            twice.iter().take(MOST).map(|name| FieldProblem { field: shown(name), detail: "is there twice".into() });
        Ok(FieldParser { left, problems: problems.collect() })
    }
}

/// A name that the caller chose: bounded before it is sent back.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
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
        serde_json::from_str(json).expect("an object")
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
    fn a_field_that_is_there_twice_is_named_whether_the_values_differ_or_not() {
        for body in [r#"{"a": "x", "a": "y"}"#, r#"{"a": "x", "\u0061": "x"}"#, r#"{"a": "x", "b": "y", "a": 7}"#] {
            let mut fields = fields(body);
            fields.text("a", |text| Ok::<_, String>(text.len()));
            fields.text("b", |text| Ok::<_, String>(text.len()));
            let problem = serde_json::to_string(&fields.finish().expect_err("twice")).expect("JSON");
            assert!(problem.contains(r#"{"field":"a","detail":"is there twice"}"#), "{problem}");
        }
    }

    #[test]
    fn a_parser_s_reason_is_passed_on_without_the_value() {
        let mut fields = fields(r#"{"email": "secret"}"#);
        fields.text("email", |_| Err::<(), _>("is malformed"));
        let problem = serde_json::to_string(&fields.finish().expect_err("malformed")).expect("JSON");
        assert!(problem.contains("is malformed") && !problem.contains("secret"));
    }
}
