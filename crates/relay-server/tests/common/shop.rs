//! A relay with two integrations, two agents who can do their work, and one who cannot.
#![allow(dead_code, reason = "each test file uses its part")]

use relay_server::testing::TestRelay;
use serde_json::{Value, json};

use super::{Answer, Client, TestAgent};

pub const FULL: &str = "the-relays-own-token";
pub const OPERATOR: &str = "the-operators-token";
pub const OPS: &str = "ops-token-0123456789";
pub const DESK: &str = "desk-token-0123456789";

pub fn integrations() -> Value {
    json!([
        {
            "name": "ops", "token": OPS, "targets": ["cap:ops"], "channels": ["alerts"],
            "scopes": ["tasks:create", "tasks:read", "tasks:write", "events:read",
                       "messages:read", "messages:write"],
        },
        {
            "name": "desk", "token": DESK, "targets": ["*"], "channels": ["*"],
            "scopes": ["tasks:create", "tasks:read"],
        },
    ])
}

/// A relay with two integrations, two agents who can do their work, and one who cannot.
pub struct Shop {
    pub relay: TestRelay,
    pub full: Client,
    pub ops: Client,
    pub desk: Client,
    pub a: TestAgent,
    pub b: TestAgent,
    pub stranger: TestAgent,
}

pub async fn shop() -> Shop {
    let relay = TestRelay::builder()
        .token(FULL)
        .operator(OPERATOR)
        .integrations(&integrations())
        .start()
        .await;
    let client = Client::new(&relay);
    let full = client.token(FULL);
    let able = json!({"capabilities": ["ops"]});
    Shop {
        a: full.register("a", able.clone()).await,
        b: full.register("b", able).await,
        stranger: full.register("stranger", json!({})).await,
        ops: client.token(OPS),
        desk: client.token(DESK),
        full,
        relay,
    }
}

pub fn alarm(key: &str) -> Value {
    json!({
        "type": "alarm", "severity": "critical", "dedupeKey": key, "title": "Disk full",
        "body": "db-1 has 0 bytes left", "target": "cap:ops",
    })
}

pub fn resolved(key: &str) -> Value {
    json!({ "type": "alarm", "dedupeKey": key, "status": "resolved" })
}

pub async fn post(client: &Client, event: Value, status: u16) -> Value {
    client.post("/api/integrations/events", event).await.expect(status)
}

pub async fn claim(agent: &TestAgent, task: &Value) -> Answer {
    agent.http.post_nothing(&format!("/api/tasks/{}/claim", task["id"])).await
}

pub async fn update(client: &Client, task: &Value, change: Value) -> Answer {
    client.patch(&format!("/api/tasks/{}/status", task["id"]), change).await
}

pub async fn now(client: &Client, task: &Value) -> Value {
    client.get(&format!("/api/tasks/{}", task["id"])).await.expect(200)
}

pub async fn history(client: &Client, task: &Value) -> Vec<String> {
    let events = client.get(&format!("/api/tasks/{}/events", task["id"])).await.expect(200);
    let kind = |event: &Value| event["type"].as_str().unwrap().to_owned();
    events.as_array().unwrap().iter().map(kind).collect()
}
