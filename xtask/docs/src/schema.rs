//! Reading JSON schemas: the fields of an object and their types, in words.

use serde_json::Value;

use crate::page::table;

/// The fields of an object as a table, the required ones first; nothing for what is no object.
pub fn fields(schema: &Value, all: &Value) -> Option<String> {
    let properties =
        schema["properties"].as_object().filter(|properties| !properties.is_empty())?;
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let is_required = |name: &str| required.contains(&Value::from(name));
    let mut properties: Vec<_> = properties.iter().collect();
    properties.sort_by_key(|(name, _)| !is_required(name));
    let rows = properties.into_iter().map(|(name, property)| {
        let needed = if is_required(name) { "yes" } else { "" };
        [format!("`{name}`"), kind(property, all), needed.to_owned(), meaning(property)]
    });
    Some(table(["Field", "Type", "Required", "Meaning"], rows))
}

/// The name that a reference ends in.
pub fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// A type in a few words: `string`, `integer ≥ 1`, `list of string`, one of some words. That a field
/// which may be absent may also be null goes without saying.
pub fn kind(schema: &Value, all: &Value) -> String {
    if let Some(name) = referred(schema) {
        let target = &all[name];
        return if target["properties"].is_object() {
            format!("`{name}`")
        } else {
            kind(target, all)
        };
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        if let Some(choices) = schema[choice].as_array() {
            let mut words: Vec<String> = choices.iter().map(|schema| kind(schema, all)).collect();
            words.retain(|word| word != "null");
            words.dedup();
            return words.join(" or ");
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().filter(|word| !word.is_null());
        return words.map(|word| format!("`{}`", plain(word))).collect::<Vec<_>>().join(" or ");
    }
    if let Some(word) = schema.get("const") {
        return format!("`{}`", plain(word));
    }
    let names: Vec<_> = match &schema["type"] {
        Value::Array(names) => names.iter().map(plain).filter(|name| name != "null").collect(),
        Value::String(name) => vec![name.clone()],
        _ => vec!["any".to_owned()],
    };
    match names.join(" or ").as_str() {
        "array" => format!("list of {}", kind(&schema["items"], all)),
        names => format!("{names}{}", bounds(schema)),
    }
}

/// The first paragraph of a schema's description.
pub fn meaning(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split("\n\n").next().unwrap_or_default().replace('\n', " ")
}

fn bounds(schema: &Value) -> String {
    let (low, high) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
    match (low, high) {
        (Some(low), Some(high)) if high < 1 << 40 => format!(" {low} to {high}"),
        (Some(low), _) => format!(" ≥ {low}"),
        (None, Some(high)) => format!(" ≤ {high}"),
        (None, None) => String::new(),
    }
}

fn plain(word: &Value) -> String {
    word.as_str().map_or_else(|| word.to_string(), str::to_owned)
}
