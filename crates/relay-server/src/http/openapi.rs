//! The OpenAPI 3.1 document, made from the route table and the types that go over the wire.

mod shape;

use std::{collections::BTreeMap, sync::OnceLock};

use bytes::Bytes;
use relay_core::{
    api::{
        query::Parameter,
        route::{Entry, Route},
    },
    error::{Code, ErrorBody},
    event::{Event, Gap, Hello},
    version::VERSION,
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::error::status;
use shape::{Answer, Shape};

/// The document's text, made once.
pub fn bytes() -> Bytes {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    TEXT.get_or_init(|| format!("{:#}\n", document()).into()).clone()
}

/// The document.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    for entry in Route::ALL {
        let operation = operation(entry, &mut schemas);
        let path = paths.entry(entry.path).or_insert_with(|| json!({}));
        path[entry.method.as_str().to_lowercase()] = operation;
    }
    let stream = [schemas.reply::<Event>(), schemas.reply::<Hello>(), schemas.reply::<Gap>()];
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Agent Relay",
            "version": VERSION,
            "description": "A message bus for coding agents. Errors are `{\"error\":{\"code\",\"message\"}}` with a stable code.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "http://localhost:4850", "description": "the default address" }],
        "paths": paths,
        "components": {
            "schemas": schemas.into_definitions(&stream),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "AGENT_RELAY_TOKEN, an agent's own token, a scoped one, or the operator's.",
                },
                "header": { "type": "apiKey", "in": "header", "name": "X-Agent-Relay-Token" },
            },
        },
    })
}

fn operation(entry: &Entry, schemas: &mut Schemas) -> Value {
    let id = if entry.path.starts_with("/api/pairs/") { "p7f3k2" } else { "7" };
    let path = entry.path.replace("{id}", id);
    let route = Route::parse(entry.method.as_str(), &path).expect("the table's own lines parse");
    let shape = shape::of(&route, schemas);
    let mut operation = json!({
        "operationId": lower_first(entry.name),
        "summary": entry.purpose.trim(),
        "tags": [tag(entry.path)],
        "responses": responses(entry, &shape, schemas),
    });
    let parameters = parameters(entry, &shape);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some((schema, required)) = &shape.body {
        operation["requestBody"] = json!({
            "required": required,
            "content": { "application/json": { "schema": schema } },
        });
    }
    if entry.scopes.is_empty() {
        operation["security"] = json!([]);
    } else {
        let scopes: Vec<String> = entry.scopes.iter().map(|scope| format!("`{scope}`")).collect();
        operation["description"] = format!("Needs the scope {}.", scopes.join(" or ")).into();
        // The empty one: a relay may ask for no token at all.
        operation["security"] = json!([{ "bearer": [] }, { "header": [] }, {}]);
    }
    operation
}

fn parameters(entry: &Entry, shape: &Shape) -> Vec<Value> {
    let id = shape
        .id
        .as_ref()
        .map(|schema| json!({ "name": "id", "in": "path", "required": true, "schema": schema }));
    let query = entry.query.iter().map(|Parameter { name, purpose, required, schema }| {
        let mut schema = schema();
        if let Some(object) = schema.as_object_mut() {
            object.remove("$schema");
        }
        json!({
            "name": name,
            "in": "query",
            "description": purpose.trim(),
            "required": required,
            "schema": schema,
        })
    });
    let header = shape.header.map(|(name, purpose)| {
        json!({ "name": name, "in": "header", "description": purpose, "schema": { "type": "string" } })
    });
    id.into_iter().chain(query).chain(header).collect()
}

fn responses(entry: &Entry, shape: &Shape, schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    for (status, meaning, answer) in &shape.answers {
        let mut response = json!({ "description": meaning });
        match answer {
            Answer::Nothing => {}
            Answer::Json(schema) => {
                response["content"] = json!({ "application/json": { "schema": schema } });
            }
            Answer::List(schema) => {
                let list = json!({ "type": "array", "items": schema });
                response["content"] = json!({ "application/json": { "schema": list } });
                if entry.query.iter().any(|parameter| parameter.name == "limit") {
                    response["headers"] = json!({ "Link": {
                        "description": "`rel=\"next\"` where there is more.",
                        "schema": { "type": "string" },
                    }});
                }
            }
            Answer::Text(media_type) => {
                let schema = json!({ "type": "string" });
                response["content"] = json!({ *media_type: { "schema": schema } });
            }
        }
        responses.insert(status.to_string(), response);
    }
    let error = schemas.reply::<ErrorBody>();
    for (status, codes) in errors(entry, shape) {
        responses.insert(status.to_string(), json!({
            "description": codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", "),
            "content": { "application/json": { "schema": error } },
        }));
    }
    Value::Object(responses)
}

/// What can go wrong, by status.
fn errors(entry: &Entry, shape: &Shape) -> BTreeMap<u16, Vec<Code>> {
    let mut codes = shape.errors.to_vec();
    if !entry.scopes.is_empty() {
        codes.extend([Code::Unauthorized, Code::ForbiddenScope, Code::RateLimited]);
        codes.extend([Code::InvalidField, Code::UnknownField, Code::StorageFailed]);
    }
    if !matches!(entry.path, "/health" | "/ready") {
        codes.extend([Code::ForbiddenHost, Code::ForbiddenOrigin]);
    }
    if shape.body.is_some() {
        codes.extend([Code::InvalidJson, Code::InvalidUtf8, Code::MissingField]);
        codes.extend([Code::BodyTooLarge, Code::UnsupportedMediaType, Code::RequestTimeout]);
    }
    if !entry.scopes.is_empty() && entry.method != relay_core::api::route::Method::Get {
        codes.extend([
            Code::Overloaded,
            Code::OutcomeUnknown,
            Code::ShuttingDown,
            Code::StorageFull,
        ]);
    }
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for (code, _) in Code::ALL.iter().filter(|(code, _)| codes.contains(code)) {
        by_status.entry(status(*code).as_u16()).or_default().push(*code);
    }
    by_status
}

fn tag(path: &str) -> &str {
    let noun = path.strip_prefix("/api/").unwrap_or(path.trim_start_matches('/'));
    match noun.split('/').next().unwrap_or_default() {
        "" => "dashboard",
        "ready" => "health",
        "openapi.json" => "openapi",
        noun => noun,
    }
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

/// The schemas of bodies, which are read strictly, and of replies, which are written.
pub struct Schemas {
    requests: SchemaGenerator,
    replies: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12()
                .with(|settings| settings.definitions_path = "/components/schemas".into())
        };
        Self {
            requests: settings().for_deserialize().into_generator(),
            replies: settings().for_serialize().into_generator(),
        }
    }

    /// A reference to the schema of a body.
    pub fn request<T: JsonSchema>(&mut self) -> Value {
        self.requests.subschema_for::<T>().to_value()
    }

    /// A reference to the schema of a reply.
    pub fn reply<T: JsonSchema>(&mut self) -> Value {
        self.replies.subschema_for::<T>().to_value()
    }

    /// All of them by name; those of the stream are in no response but used by it.
    fn into_definitions(mut self, _stream: &[Value]) -> Map<String, Value> {
        let mut all = self.requests.take_definitions(true);
        all.extend(self.replies.take_definitions(true));
        all.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match value {
                        Value::String(target) if key == "$ref" => found.push(target.clone()),
                        value => references(value, found),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100, "{}", found.len());
        for target in found {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }

    #[test]
    fn every_route_is_there_with_its_errors_and_success() {
        let document = document();
        for entry in Route::ALL {
            let operation = &document["paths"][entry.path][entry.method.as_str().to_lowercase()];
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{}", entry.name);
            assert_eq!(responses.contains_key("401"), !entry.scopes.is_empty(), "{}", entry.name);
            assert_eq!(entry.path.contains("{id}"), operation["parameters"][0]["in"] == "path");
        }
    }

    #[test]
    fn the_shape_of_an_operation() {
        let document = document();
        let claim = &document["paths"]["/api/messages/{id}/claim"]["post"];
        assert_eq!(claim["operationId"], "claimMessage");
        assert_eq!(
            claim["requestBody"]["content"]["application/json"]["schema"]["$ref"],
            "#/components/schemas/ActOnClaim"
        );
        assert_eq!(
            claim["responses"]["200"]["content"]["application/json"]["schema"]["$ref"],
            "#/components/schemas/Message"
        );
        let conflict = claim["responses"]["409"]["description"].as_str().unwrap();
        assert!(conflict.contains("already_claimed") && conflict.contains("not_claimable"));
        for name in ["Event", "Hello", "Gap", "ErrorBody"] {
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }

    /// Requests and replies are generated apart, each of which numbers what is named alike: the same
    /// numbered name would mean two things.
    #[test]
    fn no_two_types_share_a_name() {
        let document = document();
        let names = document["components"]["schemas"].as_object().unwrap().keys();
        let numbered: Vec<_> =
            names.filter(|name| name.ends_with(|c: char| c.is_ascii_digit())).collect();
        assert!(numbered.is_empty(), "give them names with schemars(rename): {numbered:?}");
    }
}
