//! docs/http.md, from the route table, the error codes, the scopes, the events and the schemas.

use std::fmt::Write as _;

use relay_core::api::route::{Entry, Route};
use relay_core::error::Code;
use relay_core::event;
use relay_core::scope::Scope;
use serde_json::Value;

use crate::page::{fill, table};
use crate::schema;

pub fn page(openapi: &Value) -> String {
    let parts = [
        ("routes", overview()),
        ("scopes", words(Scope::ALL.iter().map(|(scope, meaning)| (scope.as_str(), *meaning)))),
        ("errors", words(Code::ALL.iter().map(|(code, meaning)| (code.as_str(), *meaning)))),
        ("events", words(event::Name::ALL.iter().map(|(name, meaning)| (name.as_str(), *meaning)))),
        ("details", Route::ALL.iter().map(|entry| route(entry, openapi)).collect()),
        ("objects", objects(openapi)),
    ];
    fill(include_str!("../pages/http.md"), &parts)
}

fn overview() -> String {
    let rows = Route::ALL.iter().map(|entry| {
        let line = format!("{} {}", entry.method.as_str(), entry.path);
        let scope = match entry.scopes {
            [] => "none".to_owned(),
            scopes => {
                scopes.iter().map(|scope| format!("`{scope}`")).collect::<Vec<_>>().join(" or ")
            }
        };
        [format!("[`{line}`](#{})", anchor(&line)), scope, entry.purpose.trim().to_owned()]
    });
    table(["Route", "Scope", "Purpose"], rows)
}

fn words<'a>(words: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let rows = words.map(|(word, meaning)| [format!("`{word}`"), meaning.trim().to_owned()]);
    table(["Word", "Meaning"], rows)
}

/// What one route takes and gives.
fn route(entry: &Entry, openapi: &Value) -> String {
    let schemas = &openapi["components"]["schemas"];
    let method = entry.method.as_str();
    let mut text = format!("### {method} {}\n\n{}\n\n", entry.path, entry.purpose.trim());
    if !entry.query.is_empty() {
        let rows = entry.query.iter().map(|parameter| {
            let needed = if parameter.required { "yes" } else { "" };
            let kind = schema::kind(&(parameter.schema)(), schemas);
            let purpose = parameter.purpose.trim().to_owned();
            [format!("`{}`", parameter.name), kind, needed.to_owned(), purpose]
        });
        let _ = writeln!(text, "{}", table(["Parameter", "Type", "Required", "Meaning"], rows));
    }
    let operation = &openapi["paths"][entry.path][method.to_lowercase()];
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if let Some(name) = schema::referred(body) {
        let fields = schema::fields(&schemas[name], schemas).unwrap_or_default();
        let _ = writeln!(text, "Body:\n\n{fields}");
    }
    text + &answers(operation)
}

/// The good answers; the others are in the table of errors.
fn answers(operation: &Value) -> String {
    let mut text = String::new();
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let contents = response["content"].as_object().into_iter().flatten();
        if !status.starts_with('2') {
            continue;
        }
        let (mut what, mut described) = (schema::meaning(response), String::new());
        for (media, content) in contents {
            let schema = &content["schema"];
            described = match (schema::referred(schema), schema::referred(&schema["items"])) {
                (Some(name), _) => format!(": {}", object_link(name)),
                (None, Some(name)) => format!(": a list of {}", object_link(name)),
                (None, None) => format!(": `{media}`"),
            };
        }
        if !described.is_empty() {
            what = what.trim_end_matches('.').to_owned();
        }
        let _ = writeln!(text, "- {status} {what}{described}");
    }
    format!("{text}\n")
}

fn object_link(name: &str) -> String {
    format!("[`{name}`](#{})", anchor(name))
}

/// Every object that an answer or an event holds.
fn objects(openapi: &Value) -> String {
    let schemas = &openapi["components"]["schemas"];
    let mut text = String::new();
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        if requested(name, openapi) {
            continue;
        }
        if let Some(fields) = schema::fields(schema, schemas) {
            let _ = writeln!(text, "### {name}\n\n{}\n\n{fields}", schema::meaning(schema));
        }
    }
    text
}

/// Whether the object is a request's body, which stands with its route.
fn requested(name: &str, openapi: &Value) -> bool {
    let paths = openapi["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(_, path)| path.as_object().into_iter().flatten()).any(|(_, operation)| {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        schema::referred(schema) == Some(name)
    })
}

/// The place of a heading within its page, as forges make it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_ascii_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}
