//! What integrations are told of their tasks: signed, in order, again and again until they have it,
//! and never so that one of them holds up another.

#[path = "../common/mod.rs"]
mod common;
mod limits;
mod openssl;
mod receiver;
mod retry;
mod story;

use common::{Client, TestAgent};
use receiver::Receiver;
use relay_server::testing::{Builder, TestRelay};
use serde_json::{Value, json};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// An integration as the settings have it, called back at this address.
fn integration(name: &str, url: &str) -> Value {
    json!({
        "name": name, "token": token(name), "scopes": ["tasks:create", "tasks:read", "tasks:write"],
        "targets": ["*"], "channels": ["*"], "callbackUrl": url, "callbackSecret": SECRET,
    })
}

fn token(name: &str) -> String {
    format!("{name}-token-0123456789")
}

/// A relay that calls back the integration `ops` and, at its end, has sent all that was due.
fn builder(receiver: &Receiver) -> Builder {
    TestRelay::builder()
        .integrations(&json!([integration("ops", &receiver.url())]))
        .callbacks_checked()
}

/// Whoever reports, works and watches.
struct World {
    relay: TestRelay,
    ops: Client,
    worker: TestAgent,
}

impl World {
    async fn start(builder: Builder) -> Self {
        let relay = builder.start().await;
        let client = Client::new(&relay);
        let worker = client.register("worker", json!({})).await;
        Self { ops: client.token(&token("ops")), relay, worker }
    }

    /// Reports an event; returns its task.
    async fn post(&self, key: &str) -> i64 {
        post(&self.ops, key).await
    }

    /// Waits until nothing is due.
    async fn settled(&self) {
        self.relay.callbacks_settled().await;
    }

    async fn dead_letters(&self) -> Value {
        self.ops.get("/api/integrations/dead-letters").await.expect(200)
    }
}

async fn post(integration: &Client, key: &str) -> i64 {
    let event = json!({
        "type": "alert", "severity": "error", "dedupeKey": key, "title": "Disk", "body": "full",
        "target": "worker",
    });
    let answer = integration.post("/api/integrations/events", event).await;
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    answer.json()["id"].as_i64().unwrap()
}
