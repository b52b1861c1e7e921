//! A relay with agents, tokens and messages that the cases name.

mod pair;

use std::time::Duration;

use relay_core::{
    api::query,
    scope::Scope,
    token::{Kind, mint},
};
use relay_server::{
    config::Limits,
    testing::{Builder, TestRelay},
};
use relay_store::Reader;
use serde_json::{Value, json};

use crate::{exchange::Sending, template::Values, wire::Answer};

/// How long a quick answer may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The token of the integration that has this scope and no other.
pub fn lone_token(scope: Scope) -> String {
    format!("the-token-for-{scope}-alone")
}

/// The integrations: `ops` creates work on one channel, `reader` reads what it never created,
/// `desk` has all that an integration can use.
fn integrations() -> Value {
    json!([
        {
            "name": "ops", "token": "ops-token-0123456789", "scopes": ["tasks:create"],
            "targets": ["cap:ops"], "channels": ["alerts"],
        },
        { "name": "ops_tasks_read", "token": "reader-token-0123456789", "scopes": ["tasks:read"] },
        {
            "name": "desk", "token": "desk-token-0123456789",
            "scopes": [
                "tasks:read", "tasks:write", "events:read", "messages:read", "messages:write",
                "agents:read",
            ],
            "targets": ["cap:ops", "id:workshop-web-5e6f7a8b", "id:no-such-agent"],
            "channels": ["alerts"],
        },
        {
            "name": "almighty", "token": "almighty-token-0123456789", "scopes": ["*"],
            "targets": ["*"], "channels": ["*"],
        },
    ])
}

/// Events come as fast as the cases do.
fn builder() -> Builder {
    TestRelay::builder().integrations(&integrations()).config(|c| c.events_per_minute = 1_000_000)
}

/// A relay and what the names in the tables stand for.
pub struct World {
    pub relay: TestRelay,
    pub values: Values,
    /// What no answer may contain.
    pub secrets: Vec<String>,
}

impl World {
    /// A relay that asks for a token, and does not lose its patience with wrong ones.
    pub async fn with_a_token() -> Self {
        Self::with_limits(|limits| limits.wrong_tokens = 9_999).await
    }

    /// A relay that asks for a token.
    pub async fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        let admin = mint(Kind::Relay, [1; 32]);
        let relay = builder().token(&admin).limits(change).start().await;
        Self::fill(relay, &admin, true).await
    }

    /// A relay that asks for none.
    pub async fn without_a_token() -> Self {
        Self::fill(builder().start().await, "", false).await
    }

    /// A relay that asks for a token, with an integration for each scope that has no other.
    pub async fn with_an_integration_for_each_scope() -> Self {
        let admin = mint(Kind::Relay, [1; 32]);
        let mut all = integrations();
        let lone = Scope::ALL.iter().enumerate().map(|(index, (scope, _))| {
            json!({
                "name": format!("lone-{index}"), "token": lone_token(*scope), "scopes": [scope],
                "targets": ["*"], "channels": ["*"],
            })
        });
        all.as_array_mut().expect("a list").extend(lone);
        let relay = builder().integrations(&all).token(&admin).start().await;
        Self::fill(relay, &admin, true).await
    }

    async fn fill(relay: TestRelay, admin: &str, guarded: bool) -> Self {
        let address = relay.address();
        let mut values = Values::new(guarded);
        values.set("ADMIN", admin);
        values.set("PORT", address.port().to_string());
        values.set("HOST", address.to_string());
        let mut world = Self { relay, values, secrets: Vec::new() };
        for integration in integrations().as_array().expect("a list") {
            let name = integration["name"].as_str().expect("a name").to_uppercase();
            world.keep_secret(&name, integration["token"].as_str().expect("a token"));
        }
        world.add_agents().await;
        world.add_tokens().await;
        world.add_messages().await;
        world.add_pairs().await;
        world.add_tasks().await;
        world.relay.clock().advance(Duration::from_secs(1));
        for (name, who) in [("AUTH", "ADMIN"), ("AUTH_A", "A")] {
            let header =
                world.values.token(who).map(|token| format!("Authorization: Bearer {token}\r\n"));
            world.values.set(name, header.unwrap_or_default());
        }
        if guarded {
            world.secrets.push(admin.to_owned());
        }
        world
    }

    async fn add_agents(&mut self) {
        for (name, id, capabilities) in [
            ("A", "workshop-api-1a2b3c4d", json!(["chat"])),
            ("B", "workshop-web-5e6f7a8b", json!(["review", "ops"])),
            ("C", "workshop-docs-9c0d1e2f", json!(["review"])),
            ("GONE", "already-gone", json!(["chat"])),
        ] {
            let about = json!({ "id": id, "capabilities": capabilities, "instanceId": "first" });
            let agent = self.make("POST", "/api/agents", "ADMIN", about).await;
            self.values.set(name, id);
            self.keep_secret(&format!("{name}_TOKEN"), agent["token"].as_str().expect("a token"));
        }
        self.make("DELETE", "/api/agents/already-gone", "ADMIN", json!({})).await;
    }

    async fn add_tokens(&mut self) {
        for (name, scopes) in [
            ("CREATOR", json!(["tasks:create"])),
            ("RO", json!(["stats:read", "agents:read", "messages:read"])),
            ("WRITER", json!(["agents:write", "messages:write"])),
            ("KEEPER", json!(["system:write"])),
            ("REVOKED", json!(["*"])),
        ] {
            let about = json!({ "name": name, "scopes": scopes });
            let token = self.make("POST", "/api/tokens", "ADMIN", about).await;
            self.keep_secret(name, token["token"].as_str().expect("a token"));
            if name == "REVOKED" {
                self.make("DELETE", &format!("/api/tokens/{}", token["id"]), "ADMIN", json!({}))
                    .await;
            }
        }
    }

    async fn add_messages(&mut self) {
        let direct =
            json!({ "to": self.values.get("B"), "body": "once", "idempotencyKey": "a key" });
        let work = json!({ "to": "cap:review", "body": "who has time?", "claimable": true });
        let brief =
            json!({ "to": "cap:review", "body": "quick", "claimable": true, "expiresInMs": 1 });
        for (name, message) in [
            ("MSG_AB", &direct),
            ("CLAIMABLE", &work),
            ("CLAIMED_BY_B", &work),
            ("DELETED", &work),
            ("EXPIRED", &brief),
        ] {
            let mut message = message.clone();
            message["from"] = self.values.get("A").into();
            let sent = self.make("POST", "/api/messages", "A", message).await;
            self.values.set(name, sent["id"].to_string());
        }
        self.values.set("KEY", "a key");
        let (claimed, deleted) = (self.values.get("CLAIMED_BY_B"), self.values.get("DELETED"));
        let by = json!({ "agentId": self.values.get("B") });
        self.make("POST", &format!("/api/messages/{claimed}/claim"), "B", by).await;
        self.make("DELETE", &format!("/api/messages/{deleted}"), "A", json!({})).await;
    }

    /// Tasks of the desk, and one of `ops`.
    async fn add_tasks(&mut self) {
        let by_b = json!({ "agentId": self.values.get("B") });
        for (name, from) in [
            ("TASK_OPEN", "DESK"),
            ("TASK_DONE", "DESK"),
            ("TASK_CLAIMED_BY_B", "DESK"),
            ("TASK_OTHER", "OPS"),
        ] {
            let event = json!({
                "type": "alarm", "severity": "error", "dedupeKey": name, "title": "Disk full",
                "body": "on db-1", "target": "cap:ops", "channel": "alerts",
            });
            let answer = self
                .ask_with(
                    "POST",
                    "/api/integrations/events",
                    Some(&self.values.get(from)),
                    Some(event),
                )
                .await;
            assert_eq!(answer.status, 201, "{}", answer.text());
            let task: Value = serde_json::from_slice(&answer.body).expect("a task");
            self.values.set(name, task["id"].to_string());
            self.values.set(&format!("{name}_MESSAGE"), task["messageId"].to_string());
        }
        let path = |name: &str, step: &str| format!("/api/tasks/{}/{step}", self.values.get(name));
        self.make("POST", &path("TASK_DONE", "claim"), "B", by_b.clone()).await;
        let done = json!({ "agentId": self.values.get("B"), "status": "done" });
        self.make("PATCH", &path("TASK_DONE", "status"), "B", done).await;
        let first = self.make("POST", &path("TASK_CLAIMED_BY_B", "claim"), "B", by_b.clone()).await;
        self.make("POST", &path("TASK_CLAIMED_BY_B", "release"), "B", by_b.clone()).await;
        let now = self.make("POST", &path("TASK_CLAIMED_BY_B", "claim"), "B", by_b).await;
        self.values.set("OLD_GENERATION", first["claim"]["generation"].to_string());
        self.values.set("GENERATION", now["claim"]["generation"].to_string());
        self.values.set("TASK_NONE", "999999999");
    }

    fn keep_secret(&mut self, name: &str, token: &str) {
        self.values.set(name, token);
        self.secrets.push(token.to_owned());
    }

    async fn make(&self, method: &str, path: &str, token: &str, body: Value) -> Value {
        let answer = self.ask(method, path, Some(token), Some(body)).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// Asks as one of the callers whom the tables name, or as nobody.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let token = token.and_then(|name| self.values.token(name));
        self.ask_with(method, path, token.as_deref(), body).await
    }

    /// Asks with this very token.
    pub async fn ask_with(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let body = body.map(|body| body.to_string());
        let mut lines =
            vec![format!("{method} {path} HTTP/1.1"), format!("Host: {}", self.values.get("HOST"))];
        lines.extend(token.map(|token| format!("Authorization: Bearer {token}")));
        if let Some(body) = &body {
            lines.push("Content-Type: application/json".to_owned());
            lines.push(format!("Content-Length: {}", body.len()));
        }
        let request = format!("{}\r\n\r\n{}", lines.join("\r\n"), body.unwrap_or_default());
        let sending = Sending {
            bytes: request.into_bytes(),
            answers: 1,
            head: method == "HEAD",
            ..Sending::default()
        };
        let answers = sending.exchange(self.relay.address(), PATIENCE).await;
        let mut answers = answers.unwrap_or_else(|why| panic!("{method} {path}: {why}"));
        answers.remove(0)
    }

    /// All that is stored: where the log ends, the agents, the tokens, the tasks.
    pub async fn stored(&self) -> String {
        let store = &self.relay.app().store;
        let everybody = query::Agents { limit: Some(query::Within(500)), ..Default::default() };
        let agents = store.agents(&everybody).await.expect("the agents are read").items;
        let tokens = store.tokens().await.expect("the tokens are read");
        let newest = query::Tasks { limit: Some(query::Within(500)), ..Default::default() };
        let tasks = store.tasks(&newest, &Reader::All).await.expect("the tasks are read").items;
        json!({ "end": store.head(), "agents": agents, "tokens": tokens, "tasks": tasks })
            .to_string()
    }

    /// Waits until the relay has noticed that nobody reads its streams any more.
    pub async fn without_streams(&self) -> bool {
        let gone = async {
            while self.relay.app().streams.count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.is_ok()
    }
}
