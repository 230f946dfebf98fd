//! The fields of a new event: their types in Rust, and what its sample says.

use std::str::FromStr;

use anyhow::{Context, ensure};

use super::names::Name;

/// A field, from `amount:integer`.
#[derive(Clone, Debug)]
pub struct Field {
    name: Name,
    kind: &'static FieldType,
}

/// What a field may hold.
#[derive(Debug)]
struct FieldType {
    name: &'static str,
    rust: &'static str,
    sample: &'static str,
}

const TYPES: &[FieldType] = &[
    FieldType { name: "text", rust: "String", sample: "\"text\"" },
    FieldType { name: "personal", rust: "Personal", sample: "\"Ada Lovelace\"" },
    FieldType { name: "integer", rust: "i64", sample: "42" },
    FieldType { name: "boolean", rust: "bool", sample: "true" },
    FieldType { name: "uuid", rust: "Uuid", sample: "\"019aa3c1-7b5e-7c3a-9d59-0c1f2e3d4b5b\"" },
    FieldType { name: "timestamp", rust: "Timestamp", sample: "\"2026-11-20T19:45:01.5Z\"" },
];

impl FromStr for Field {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, kind) =
            text.split_once(':').with_context(|| format!("`{text}` is not NAME:TYPE, as in amount:integer"))?;
        let known = || TYPES.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        let kind = TYPES
            .iter()
            .find(|known| known.name == kind)
            .with_context(|| format!("there is no type `{kind}`; there are: {}", known()))?;
        ensure!(name != "customer_id", "every event has the field customer_id: leave it out");
        Ok(Self { name: Name::parse(name)?, kind })
    }
}

impl Field {
    /// When it was recorded: what an event says at least.
    pub fn recorded_at() -> anyhow::Result<Self> {
        "recorded_at:timestamp".parse()
    }

    fn declaration(&self) -> String {
        let Self { name, kind } = self;
        format!("    /// {}.\n    pub {}: {},\n", sentence(name), name.snake(), path(kind.rust))
    }

    fn sample(&self) -> String {
        format!(",\n    \"{}\": {}", self.name.snake(), self.kind.sample)
    }
}

/// Full paths: the file need not import what it did not need before.
fn path(rust: &str) -> &str {
    match rust {
        "Personal" => "crate::Personal",
        "Uuid" => "uuid::Uuid",
        "Timestamp" => "jiff::Timestamp",
        other => other,
    }
}

/// `Recorded at`
fn sentence(name: &Name) -> String {
    let words = name.snake().replace('_', " ");
    words[..1].to_ascii_uppercase() + &words[1..]
}

/// The struct of the event `name`, tied to its type.
pub fn event_struct(name: &Name, fields: &[Field]) -> String {
    let (camel, fields): (_, String) = (name.camel(), fields.iter().map(Field::declaration).collect());
    format!(
        "\n/// {}.\n#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]\npub struct {camel} {{\n    \
         /// The customer.\n    pub customer_id: CustomerId,\n{fields}}}\nevent_type!({camel}, \"{}\");",
        sentence(name),
        name.snake()
    )
}

/// The sample of the event's first version.
pub fn sample(name: &Name, owner: &str, fields: &[Field]) -> String {
    let (event, fields): (_, String) = (name.snake(), fields.iter().map(Field::sample).collect());
    format!(
        r#"{{
  "specversion": "1.0",
  "id": "6a7b1f8e-0f39-5e1c-9a5b-0b6c4f3e2d15",
  "type": "{event}",
  "source": "/{owner}",
  "subject": "7f2c8f3e-5b7a-4d55-9a0e-2f64d1c0b9aa",
  "time": "2026-11-20T19:45:00.123456Z",
  "datacontenttype": "application/json",
  "dataschema": "/schemas/{event}/1",
  "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  "correlationid": "019aa3c1-7b5e-7c3a-9d59-0c1f2e3d4b5a",
  "causationid": "019aa3c1-7b5e-7c3a-9d59-0c1f2e3d4b5a",
  "sequence": "42",
  "data": {{
    "customer_id": "7f2c8f3e-5b7a-4d55-9a0e-2f64d1c0b9aa"{fields}
  }}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_field_is_refused_with_what_would_be_one() {
        for (text, expected) in [
            ("amount", "NAME:TYPE"),
            ("amount:money", "text, personal"),
            ("Amount:text", "lower-case"),
            ("customer_id:uuid", "leave it out"),
        ] {
            let error = text.parse::<Field>().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
