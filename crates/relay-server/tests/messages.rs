//! Messages: sending, reading, waiting, searching, forgetting.

mod common;

use std::time::Duration;

use common::{Client, mail};
use insta::assert_json_snapshot;
use relay_server::testing::TestRelay;
use serde_json::{Value, json};

async fn two() -> (TestRelay, Client) {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    client.register("a", json!({})).await;
    client.register("b", json!({})).await;
    (relay, client)
}

async fn send(client: &Client, to: &str, body: &str) -> i64 {
    client.post("/api/messages", mail("a", to, body)).await.expect(201)["id"].as_i64().unwrap()
}

fn ids(list: &Value) -> Vec<i64> {
    list.as_array().unwrap().iter().map(|message| message["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_message_is_stored_as_it_was_sent() {
    let (_relay, client) = two().await;
    let body = json!({
        "from": "a", "to": "id:b", "subject": "Review", "body": "\u{1b}]52;c;x\u{7}", "type": "task",
        "urgency": "later", "payload": {"__proto__": {"admin": true}}, "expiresInMs": 1000,
    });
    let sent = client.post("/api/messages", body).await.expect(201);
    assert_json_snapshot!(sent, {".id" => "[id]", ".threadId" => "[id]"}, @r#"
    {
      "body": "\u001b]52;c;x\u0007",
      "claimable": false,
      "createdAt": 1800000000000,
      "expiresAt": 1800000001000,
      "from": "a",
      "id": "[id]",
      "kind": "task",
      "meta": {},
      "payload": {
        "__proto__": {
          "admin": true
        }
      },
      "readBy": [],
      "recipients": 1,
      "subject": "Review",
      "threadId": "[id]",
      "to": "b",
      "urgency": "later",
      "verified": false
    }
    "#);
}

#[tokio::test]
async fn an_unknown_id_is_not_found_and_an_empty_group_is_said_to_be_empty() {
    let (_relay, client) = two().await;
    let ghost = client.post("/api/messages", mail("a", "bb", "x")).await;
    assert_eq!(ghost.refusal(), (404, "target_not_found".into()));
    assert_eq!(ghost.json()["error"]["details"]["near"], json!(["b"]));
    let group = client.post("/api/messages", mail("a", "tag:none", "x")).await.expect(201);
    assert_eq!(group["recipients"], 0);
    let all = client.post("/api/messages", mail("a", "broadcast", "x")).await.expect(201);
    assert_eq!(all["recipients"], 1, "the sender is not counted");
}

#[tokio::test]
async fn an_idempotency_key_sends_once() {
    let (_relay, client) = two().await;
    let keyed = client.with("idempotency-key", "k 1");
    let first = keyed.post("/api/messages", mail("a", "b", "once")).await.expect(201);
    let again = keyed.post("/api/messages", mail("a", "b", "once")).await.expect(200);
    assert_eq!(first["id"], again["id"]);
    let other = keyed.post("/api/messages", mail("a", "b", "twice")).await;
    assert_eq!(other.refusal(), (422, "idempotency_mismatch".into()));
    let mut body = mail("a", "b", "once");
    body["idempotencyKey"] = json!("k 1");
    assert_eq!(client.post("/api/messages", body.clone()).await.expect(200)["id"], first["id"]);
    body["idempotencyKey"] = json!("k 2");
    assert_eq!(keyed.post("/api/messages", body).await.refusal(), (400, "invalid_field".into()));
    for bad in ["", "k\u{e9}"] {
        let keyed = client.with("idempotency-key", bad);
        let refused = keyed.post("/api/messages", mail("a", "b", "x")).await;
        assert_eq!(refused.refusal(), (400, "invalid_field".into()), "{bad:?}");
    }
    assert_eq!(ids(&client.get("/api/messages").await.json()).len(), 1);
}

#[tokio::test]
async fn an_inbox_is_read_in_order_and_page_by_page() {
    let (_relay, client) = two().await;
    let mut sent = Vec::new();
    for i in 0..5 {
        sent.push(send(&client, "b", &format!("number {i}")).await);
    }
    let page = client.get("/api/messages?for=b&unread=true&limit=2").await;
    assert_eq!(ids(&page.json()), sent[..2]);
    let next = page.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
    assert_eq!(next, format!("/api/messages?for=b&unread=true&since={}&limit=2", sent[1]));
    assert_eq!(ids(&client.get(&next).await.json()), sent[2..4]);
    let newest = client.get("/api/messages?for=b&limit=2").await;
    assert_eq!(ids(&newest.json()), sent[3..], "the newest page, newest last");
    let before = newest.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
    assert_eq!(ids(&client.get(&before).await.json()), sent[1..3]);
    let path = format!("/api/messages/{}", sent[0]);
    client.patch(&path, json!({"agentId": "b", "read": true, "via": "hook"})).await.expect(200);
    assert_eq!(ids(&client.get("/api/messages?for=b&unread=true").await.json()), sent[1..]);
    let receipts = client.get(&format!("{path}/receipts")).await.expect(200);
    assert_eq!((&receipts[0]["agentId"], &receipts[0]["via"]), (&json!("b"), &json!("hook")));
    assert_eq!(client.get("/api/messages/cursor").await.expect(200)["cursor"], json!(sent[4]));
    let future = client.get("/api/messages?for=b&since=9223372036854775807").await;
    assert_eq!(future.expect(200), json!([]));
}

#[tokio::test]
async fn a_poll_waits_for_the_first_message() {
    let (_relay, client) = two().await;
    let poll = client.get("/api/messages?for=b&unread=true&wait=60");
    let (polled, sent) = tokio::join!(poll, async {
        send(&client, "tag:none", "not for b").await;
        send(&client, "b", "for b").await
    });
    assert_eq!(ids(&polled.expect(200)), [sent]);
    let at_once = client.get("/api/messages?for=b&unread=true&wait=60").await;
    assert_eq!(ids(&at_once.expect(200)), [sent], "what is there is not waited for");
    let empty = client.get("/api/messages?for=a&unread=true&wait=1").await;
    assert_eq!(empty.expect(200), json!([]));
    assert_eq!(client.get("/api/messages?wait=1").await.refusal(), (400, "invalid_field".into()));
    assert_eq!(
        client.get("/api/messages?for=b&wait=61").await.refusal(),
        (400, "invalid_field".into())
    );
}

#[tokio::test]
async fn a_thread_is_its_first_message_and_all_replies() {
    let (_relay, client) = two().await;
    let first = send(&client, "b", "question").await;
    let mut reply = mail("b", "a", "answer");
    reply["replyTo"] = json!(first);
    let reply = client.post("/api/messages", reply).await.expect(201);
    assert_eq!(reply["threadId"], json!(first));
    let thread = client.get(&format!("/api/messages/{}/thread", reply["id"])).await.expect(200);
    assert_eq!(ids(&thread), [first, reply["id"].as_i64().unwrap()]);
}

#[tokio::test]
async fn words_are_searched_for() {
    let (_relay, client) = two().await;
    let plan = send(&client, "b", "the migration plan").await;
    send(&client, "b", "lunch").await;
    let found = client.get("/api/messages?q=plan+migr").await.expect(200);
    assert_eq!(ids(&found), [plan]);
    assert_eq!(client.get("/api/messages?q=%22%27*OR").await.status, 200);
}

#[tokio::test]
async fn a_deleted_message_keeps_its_id_and_loses_its_text() {
    let (_relay, client) = two().await;
    let id = send(&client, "b", "secret").await;
    assert_eq!(client.delete(&format!("/api/messages/{id}")).await.status, 204);
    let shown = client.get(&format!("/api/messages/{id}")).await;
    assert!(!shown.text.contains("secret"), "{}", shown.text);
    assert_eq!(client.delete("/api/messages/999999999").await.refusal(), (404, "not_found".into()));
    for id in ["-1", "0001", "0", "9223372036854775807", "%ff", "1;x"] {
        let answer = client.get(&format!("/api/messages/{id}")).await;
        assert_eq!(answer.refusal(), (404, "not_found".into()), "{id}");
    }
}

#[tokio::test]
async fn an_expired_message_reaches_nobody() {
    let (relay, client) = two().await;
    let mut body = mail("a", "b", "deploy now");
    body["expiresInMs"] = json!(60_000);
    client.post("/api/messages", body).await.expect(201);
    relay.clock().advance(Duration::from_secs(61));
    assert_eq!(client.get("/api/messages?for=b&unread=true").await.expect(200), json!([]));
}

#[tokio::test]
async fn bad_messages_are_refused_and_store_nothing() {
    let (_relay, client) = two().await;
    let with = |extra: Value| {
        let mut body = mail("a", "b", "hi");
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let keys: serde_json::Map<String, Value> =
        (0..65).map(|i| (format!("k{i}"), json!(i))).collect();
    for (body, code) in [
        (json!([with(json!({}))]), "invalid_field"),
        (json!({"from": "a", "body": "x"}), "missing_field"),
        (with(json!({"claimble": true})), "unknown_field"),
        (with(json!({"createdAt": 0})), "unknown_field"),
        (with(json!({"body": {"x": 1}})), "invalid_field"),
        (with(json!({"to": "group:x"})), "invalid_field"),
        (with(json!({"to": "*"})), "invalid_field"),
        (with(json!({"replyTo": -1})), "invalid_field"),
        (with(json!({"meta": keys})), "invalid_field"),
        (with(json!({"body": "x".repeat(65_537)})), "invalid_field"),
    ] {
        let answer = client.post("/api/messages", body.clone()).await;
        assert_eq!(answer.refusal(), (400, code.into()), "{}", answer.text);
    }
    let patched =
        client.patch("/api/messages/1", json!({"agentId": "b", "body": "rewritten"})).await;
    assert_eq!(patched.refusal(), (400, "unknown_field".into()));
    assert_eq!(client.get("/api/messages").await.expect(200), json!([]));
}
