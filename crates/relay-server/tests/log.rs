//! What may never stand in the log, at whatever level: tokens, texts and query strings.

mod common;

use std::{
    io,
    sync::{Arc, Mutex},
};

use common::Client;
use relay_server::testing::TestRelay;
use serde_json::json;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An address where nobody listens.
async fn refused() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/canary-path?key=canary-query", listener.local_addr().unwrap())
}

#[tokio::test]
async fn the_log_has_a_line_for_each_request_and_no_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let integration = json!([{
        "name": "ops", "token": "canary-integration", "scopes": ["tasks:create"], "targets": ["*"],
        "callbackUrl": refused().await, "callbackSecret": "canary-secret-0123 canary-secret-4567",
    }]);
    let builder = TestRelay::builder().token("canary-token").operator("canary-operator");
    let mut relay = builder.integrations(&integration).start().await;
    let client = Client::new(&relay);
    let full = client.token("canary-token");
    let a = full.register("a", json!({"label": "canary-label"})).await;
    let mail = json!({"to": "a", "body": "canary-body", "subject": "canary-subject"});
    client.token("canary-operator").post("/api/messages", mail).await.expect(201);
    a.http.get("/api/messages?q=canary-words").await.expect(200);
    client.token("canary-wrong").get("/api/stats?token=canary-query").await;
    full.post("/api/messages", json!({"canary-field": "canary-value"})).await;
    full.get("/api/agents/canary-path").await;
    let event = json!({
        "type": "alert", "severity": "error", "title": "canary-title", "body": "canary-text",
        "target": "a", "dedupeKey": "canary-key",
    });
    client.token("canary-integration").post("/api/integrations/events", event).await.expect(201);
    relay.callbacks_settled().await;
    relay.stop().await;
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let line =
        |words: &[&str]| log.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(line(&["request", "SendMessage", "status=201", "operator", "127.0.0.1"]), "{log}");
    assert!(line(&["request", "ListMessages", "status=200", "agent"]), "{log}");
    assert!(line(&["request", "Stats", "status=401"]), "{log}");
    assert!(
        line(&["a callback failed", "integration=ops", "cannot connect", "retry_ms=5000"]),
        "{log}"
    );
    assert!(!log.contains("canary") && !log.contains(&a.token), "{log}");
}
