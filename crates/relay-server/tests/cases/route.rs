//! What holds for every route, generated from the table of routes: a new one is tried without a
//! line here.

use relay_core::{
    api::route::{Entry, Method, Route},
    scope::Scope,
};
use serde_json::json;

use crate::{
    wire::Answer,
    world::{World, lone_token},
};

/// A route's target, with ids that exist.
fn target(world: &World, entry: &Entry) -> String {
    let id = match entry.path.split('/').nth(2) {
        Some("agents") => world.values.get("A"),
        Some("messages") => world.values.get("MSG_AB"),
        Some("tasks") => world.values.get("TASK_OPEN"),
        Some("pairs") => world.values.get("PAIR_PENDING"),
        _ => return nowhere(entry),
    };
    entry.path.replace("{id}", &id)
}

/// A route's target, with ids of nothing: whatever is asked there changes nothing.
fn nowhere(entry: &Entry) -> String {
    let id = match entry.path.split('/').nth(2) {
        Some("agents") => "no-such",
        Some("pairs") => "p7f3k2",
        _ => "999999999",
    };
    entry.path.replace("{id}", id)
}

/// `HEAD` stands for `GET`, so that a stream does not go on.
fn method(entry: &Entry) -> &'static str {
    if entry.method == Method::Get { "HEAD" } else { entry.method.as_str() }
}

fn writes(entry: &Entry) -> bool {
    matches!(entry.method, Method::Post | Method::Patch)
}

fn code(answer: &Answer) -> String {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    body["error"]["code"].as_str().unwrap_or_default().to_owned()
}

/// Tries something on many routes, and tells of all that failed.
fn report(failures: &[String]) {
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test]
async fn without_a_token_every_route_with_a_scope_is_shut() {
    let world = World::with_a_token().await;
    let mut failures = Vec::new();
    for entry in Route::ALL {
        let path = target(&world, entry);
        let body = writes(entry).then(|| json!({}));
        let answer = world.ask(method(entry), &path, None, body).await;
        let shut = answer.status == 401 && answer.header("www-authenticate") == Some("Bearer");
        if shut == entry.scopes.is_empty() {
            failures.push(format!("{} {path}: {}", entry.method.as_str(), answer.status));
        }
    }
    report(&failures);
}

#[tokio::test]
async fn a_scope_opens_its_routes_and_no_other() {
    let world = World::with_a_token().await;
    let mut failures = Vec::new();
    for (scope, _) in Scope::ALL {
        let about = json!({ "name": "one scope", "scopes": [scope] });
        let made = world.ask("POST", "/api/tokens", Some("ADMIN"), Some(about)).await;
        let made: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
        let token = made["token"].as_str().expect("a token");
        for entry in Route::ALL {
            let body = writes(entry).then(|| json!({}));
            let answer = world.ask_with(method(entry), &nowhere(entry), Some(token), body).await;
            let open =
                entry.scopes.is_empty() || *scope == Scope::All || entry.scopes.contains(scope);
            if open == (answer.status == 403) || answer.status == 401 || answer.status >= 500 {
                failures.push(format!("{scope} on {}: {}", entry.name, answer.status));
            }
        }
    }
    report(&failures);
}

#[tokio::test]
async fn an_agents_own_token_opens_all_but_administration() {
    let world = World::with_a_token().await;
    let mut shut = Vec::new();
    for entry in Route::ALL {
        let body = writes(entry).then(|| json!({}));
        // By GET, because the code is looked at; a stream is left as soon as it says hello.
        let verb = entry.method.as_str();
        let answer = world.ask(verb, &nowhere(entry), Some("A"), body).await;
        if code(&answer) == "forbidden_scope" {
            shut.push(entry.name);
        }
    }
    assert_eq!(shut, ["RetryDeadLetter", "CreateToken", "ListTokens", "RevokeToken"]);
}

/// In which an integration has no part, whatever its scopes.
const SHUT_TO_INTEGRATIONS: [&str; 22] = [
    "RegisterAgent",
    "UpdateAgent",
    "SetLabel",
    "SetStatus",
    "Heartbeat",
    "RemoveAgent",
    "ClaimMessage",
    "ReleaseMessage",
    "FinishMessage",
    "MarkMessage",
    "InvitePair",
    "ListPairs",
    "GetPair",
    "AcceptPair",
    "RejectPair",
    "SayInPair",
    "HangUpPair",
    "ClaimTask",
    "ReleaseTask",
    "CreateToken",
    "ListTokens",
    "RevokeToken",
];

#[tokio::test]
async fn an_integrations_scope_opens_its_routes_but_those_of_agents_and_administrators() {
    let world = World::with_an_integration_for_each_scope().await;
    let before = world.stored().await;
    let mut failures = Vec::new();
    for (scope, _) in Scope::ALL {
        for entry in Route::ALL {
            let body = writes(entry).then(|| json!({}));
            let (verb, path) = (entry.method.as_str(), nowhere(entry));
            let answer = world.ask_with(verb, &path, Some(&lone_token(*scope)), body).await;
            let covered =
                entry.scopes.is_empty() || *scope == Scope::All || entry.scopes.contains(scope);
            let expected = match (covered, SHUT_TO_INTEGRATIONS.contains(&entry.name)) {
                (false, _) => Some("forbidden_scope"),
                (true, true) => Some("forbidden"),
                (true, false) => None,
            };
            let got = (answer.status == 403).then(|| code(&answer));
            if got.as_deref() != expected || answer.status == 401 || answer.status >= 500 {
                failures.push(format!("{scope} on {}: {}", entry.name, answer.status));
            }
        }
    }
    report(&failures);
    assert!(world.without_streams().await);
    assert_eq!(world.stored().await, before, "something was stored");
}

#[tokio::test]
async fn where_no_token_is_asked_for_the_ingress_takes_one_all_the_same() {
    let world = World::without_a_token().await;
    let mut shut = Vec::new();
    for entry in Route::ALL {
        let body = writes(entry).then(|| json!({}));
        let answer = world.ask(method(entry), &nowhere(entry), None, body).await;
        match answer.status {
            401 if answer.header("www-authenticate") == Some("Bearer") => shut.push(entry.name),
            401 | 403 => panic!("{}: {}", entry.name, answer.text()),
            _ => {}
        }
    }
    assert_eq!(shut, ["PostEvent"]);
    let before_the_body = world.ask("POST", "/api/integrations/events", None, None).await;
    assert_eq!(before_the_body.status, 401);
}

#[tokio::test]
async fn a_field_that_does_not_exist_is_named_on_every_route_with_a_body() {
    let world = World::with_a_token().await;
    let mut failures = Vec::new();
    for entry in Route::ALL.iter().filter(|entry| writes(entry)) {
        let path = target(&world, entry);
        let body = Some(json!({ "surprise": 1 }));
        let answer = world.ask(entry.method.as_str(), &path, Some("ADMIN"), body).await;
        if (answer.status, code(&answer).as_str()) != (400, "unknown_field")
            || !answer.text().contains("surprise")
        {
            failures.push(format!("{}: {} {}", entry.name, answer.status, answer.text()));
        }
    }
    report(&failures);
}

#[tokio::test]
async fn a_parameter_that_does_not_exist_is_named_on_every_route_with_a_scope() {
    let world = World::with_a_token().await;
    let before = world.stored().await;
    let mut failures = Vec::new();
    for entry in Route::ALL.iter().filter(|entry| !entry.scopes.is_empty()) {
        let path = format!("{}?surprise=1", target(&world, entry));
        let body = writes(entry).then(|| json!({}));
        let answer = world.ask(entry.method.as_str(), &path, Some("ADMIN"), body).await;
        if (answer.status, code(&answer).as_str()) != (400, "unknown_field")
            || !answer.text().contains("surprise")
        {
            failures.push(format!("{}: {} {}", entry.name, answer.status, answer.text()));
        }
    }
    report(&failures);
    assert_eq!(world.stored().await, before, "something was stored");
}

#[tokio::test]
async fn no_parameter_may_stand_twice() {
    let world = World::with_a_token().await;
    let mut failures = Vec::new();
    for entry in Route::ALL {
        for parameter in entry.query {
            let (name, value) = (parameter.name, example(&(parameter.schema)()));
            let path = format!("{}?{name}={value}&{name}={value}", entry.path);
            let answer = world.ask("GET", &path, Some("ADMIN"), None).await;
            if (answer.status, code(&answer).as_str()) != (400, "invalid_field")
                || !answer.text().contains("more than once")
            {
                failures.push(format!("{path}: {} {}", answer.status, answer.text()));
            }
        }
    }
    report(&failures);
}

/// A value of this schema, so that it is the repetition that is refused.
fn example(schema: &serde_json::Value) -> String {
    let first = schema["enum"][0].as_str();
    match (schema["type"].as_str(), first) {
        (_, Some(word)) => word.to_owned(),
        (Some("integer"), _) => "1".to_owned(),
        (Some("boolean"), _) => "true".to_owned(),
        _ if schema["pattern"].as_str().is_some_and(|shape| shape.starts_with("^p[")) => {
            "p7f3k2".to_owned()
        }
        _ => schema["oneOf"][0]["const"].as_str().unwrap_or("idle").to_owned(),
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let world = World::with_a_token().await;
    for entry in Route::ALL.iter().filter(|entry| entry.method == Method::Get) {
        let path = target(&world, entry);
        let get = world.ask("GET", &path, Some("ADMIN"), None).await;
        let head = world.ask("HEAD", &path, Some("ADMIN"), None).await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert!(world.without_streams().await, "{path}");
    }
}

#[tokio::test]
async fn a_path_tells_which_methods_it_has_and_refuses_the_others() {
    let world = World::with_a_token().await;
    let before = world.stored().await;
    for entry in Route::ALL {
        let path = target(&world, entry);
        let siblings = Route::ALL.iter().filter(|other| other.path == entry.path);
        let mut allowed: Vec<&str> = siblings.map(|other| other.method.as_str()).collect();
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        for verb in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            if allowed.contains(&verb) {
                continue;
            }
            let answer = world.ask(verb, &path, Some("ADMIN"), None).await;
            assert_eq!(answer.status, 405, "{verb} {path}");
            let header = answer.header("allow").unwrap_or_default();
            let told: Vec<&str> = header.split(", ").collect();
            assert_eq!(told, allowed, "{verb} {path}");
        }
    }
    assert_eq!(world.stored().await, before, "something was stored");
}
