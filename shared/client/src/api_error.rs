//! An answer other than 2xx, for eyes: problem details (RFC 9457), or whatever else came.

use std::fmt::{self, Write};

use reqwest::{Response, StatusCode};
use serde::Deserialize;

/// How much of a body is shown that is no problem details.
const SHOWN: usize = 300;

/// A service's no.
#[derive(Debug)]
pub struct ApiError {
    /// The status code.
    pub status: StatusCode,
    text: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ApiError {}

#[derive(Deserialize)]
struct Problem {
    detail: String,
    #[serde(default)]
    errors: Vec<FieldProblem>,
}

#[derive(Deserialize)]
struct FieldProblem {
    field: String,
    detail: String,
}

/// Why the service said no.
pub async fn read(response: Response) -> ApiError {
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    ApiError { status, text: describe(status, &body) }
}

fn describe(status: StatusCode, body: &str) -> String {
    let Ok(problem) = serde_json::from_str::<Problem>(body) else {
        let shown: String = body.trim().chars().take(SHOWN).collect();
        return format!("{status}: {}", if shown.is_empty() { "no explanation" } else { &shown });
    };
    let mut text = format!("{status}: {}", problem.detail);
    for FieldProblem { field, detail } in problem.errors {
        // Writing to a String can't fail.
        let _ = write!(text, "\n  {field}: {detail}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_field_has_a_line() {
        let body = r#"{"type":"about:blank","title":"Unprocessable Content","status":422,"detail":"two are bad",
            "errors":[{"field":"email","detail":"is malformed"},{"field":"name","detail":"is empty"}]}"#;
        let text = describe(StatusCode::UNPROCESSABLE_ENTITY, body);
        assert_eq!(text, "422 Unprocessable Entity: two are bad\n  email: is malformed\n  name: is empty");
    }

    #[test]
    fn what_is_no_problem_is_shown_in_part() {
        assert_eq!(describe(StatusCode::BAD_GATEWAY, ""), "502 Bad Gateway: no explanation");
        let shown = describe(StatusCode::BAD_GATEWAY, &"x".repeat(5000));
        assert_eq!(shown.len(), "502 Bad Gateway: ".len() + SHOWN);
    }
}
