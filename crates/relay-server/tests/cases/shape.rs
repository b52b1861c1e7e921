//! Every field and parameter of the OpenAPI document, given values of every wrong shape: whatever
//! a new one is, it must be refused by name or taken, and never break anything.

use relay_core::api::route::Route;
use serde_json::{Map, Value, json};

use crate::{wire::Answer, world::World};

/// What a field may be given.
fn shapes() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(9_007_199_254_740_993_i64),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!(" "),
        json!("a\u{0}b"),
        json!("a\u{202e}b"),
        json!("x".repeat(70_000)),
        json!([]),
        json!([null]),
        json!([["x"]]),
        json!(vec!["x"; 1_000]),
        json!({}),
        json!({ "x": { "x": null } }),
        json!({ "idle": null }),
        json!({ "$serde_json::private::RawValue": "[1]" }),
        json!({ "$serde_json::private::Number": "1" }),
    ]
}

/// What a parameter may be given, escaped.
const TEXTS: &[&str] = &[
    "",
    "0",
    "-1",
    "1.5",
    "1e3",
    "%2B1",
    "007",
    "9223372036854775808",
    "true",
    "null",
    "[]",
    "%20",
    "%00",
    "%25",
    "%ff",
    "%",
    "'",
    "%22",
    "*",
    "a:b",
    "a,b",
    "%E2%80%AE",
    "%F0%9F%98%80",
];

/// One way to be wrong: where, and what was sent.
struct Attempt<'a> {
    what: String,
    name: &'a str,
}

impl Attempt<'_> {
    fn complaint(&self, answer: &Answer) -> Option<String> {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let code = body["error"]["code"].as_str().unwrap_or_default();
        let named = body["error"]["details"]["field"].as_str().unwrap_or_default();
        let good = match answer.status {
            200..300 | 404 | 409 => true,
            400 => match code {
                "invalid_field" | "missing_field" | "unknown_field" | "reserved_id" => {
                    // A field within is told with where it is; the query string has none to name.
                    let within = format!(" in `{}`", self.name);
                    let text = answer.text();
                    named.starts_with(self.name)
                        || text.contains(&within)
                        || text.contains("query string")
                }
                "invalid_cursor" => true,
                _ => false,
            },
            _ => false,
        };
        (!good).then(|| format!("{}: {} {}", self.what, answer.status, answer.text()))
    }
}

#[tokio::test]
async fn every_field_given_any_shape_is_taken_or_refused_by_its_name() {
    let world = World::with_a_token().await;
    let document = relay_server::openapi();
    let mut complaints = Vec::new();
    for entry in Route::ALL {
        let method = entry.method.as_str();
        let operation = &document["paths"][entry.path][method.to_lowercase()];
        let Some(schema) = body_schema(&document, operation) else { continue };
        let id = match entry.path.split('/').nth(2) {
            Some("messages") => "CLAIMABLE",
            Some("tasks") => "TASK_OPEN",
            Some("pairs") => "PAIR_PENDING",
            _ => "A",
        };
        let path = entry.path.replace("{id}", &world.values.get(id));
        for name in schema["properties"].as_object().expect("properties").keys() {
            for shape in shapes() {
                let mut body = least(&world, schema);
                body.insert(name.clone(), shape.clone());
                let body = Value::Object(body);
                let answer = world.ask(method, &path, Some("ADMIN"), Some(body)).await;
                let shown: String = shape.to_string().chars().take(60).collect();
                let what = format!("{} with {name}: {shown}", entry.name);
                complaints.extend(Attempt { what, name }.complaint(&answer));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn body_schema<'a>(document: &'a Value, operation: &'a Value) -> Option<&'a Value> {
    let schema = operation["requestBody"]["content"]["application/json"].get("schema")?;
    let named = schema["$ref"].as_str().and_then(|path| document.pointer(&path[1..]));
    Some(named.unwrap_or(schema))
}

/// The least that a request of this schema must say.
fn least(world: &World, schema: &Value) -> Map<String, Value> {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let names = required.iter().filter_map(Value::as_str).chain(
        // It is nobody's own token, so who acts is said; a mark marks something; and an event that
        // is not resolved says what it is about.
        ["from", "agentId", "read", "severity", "title", "target", "body"]
            .into_iter()
            .filter(|name| schema["properties"].get(*name).is_some()),
    );
    let value = |name: &str| match name {
        "from" | "agentId" => json!(world.values.get("B")),
        "to" => json!(world.values.get("C")),
        "read" => json!(true),
        "scopes" => json!(["stats:read"]),
        "status" if schema["properties"].get("progress").is_some() => json!("in_progress"),
        "status" => json!("idle"),
        "severity" => json!("info"),
        "id" => json!("newcomer"),
        _ => json!("x"),
    };
    names.map(|name| (name.to_owned(), value(name))).collect()
}

#[tokio::test]
async fn every_parameter_given_any_text_is_taken_or_refused_by_its_name() {
    let world = World::with_a_token().await;
    let before = world.stored().await;
    let mut complaints = Vec::new();
    for entry in Route::ALL {
        for parameter in entry.query {
            for text in TEXTS {
                let name = parameter.name;
                let path = format!("{}?{name}={text}", entry.path);
                let answer = world.ask("GET", &path, Some("ADMIN"), None).await;
                complaints.extend(Attempt { what: path, name }.complaint(&answer));
            }
        }
        assert!(world.without_streams().await, "{}", entry.path);
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_eq!(world.stored().await, before, "something was stored");
}
