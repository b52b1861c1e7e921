//! Integrations over HTTP: what they say, what they hear, and what is shown of them.

mod common;

use common::{
    Client, mail,
    shop::{DESK, FULL, OPERATOR, OPS, Shop, alarm, claim, integrations, post, shop, update},
};
use relay_server::testing::TestRelay;
use serde_json::{Value, json};

#[tokio::test]
async fn an_integrations_stream_tells_of_its_own_tasks_only() {
    let shop = shop().await;
    let Shop { ops, desk, a, full, .. } = &shop;
    let mut stream = ops.stream("/api/events").await;
    stream.expect("hello").await;
    post(desk, alarm("disk"), 201).await;
    full.post("/api/messages", mail("a", "b", "private")).await.expect(201);
    let task = post(ops, alarm("disk"), 201).await;
    let created = stream.expect("task.created").await;
    assert_eq!(created.data["task"]["id"], task["id"]);
    claim(a, &task).await.expect(200);
    assert_eq!(stream.expect("task.claimed").await.data["task"]["claim"]["by"], "a");
    let refused = ops.get("/api/events?for=a").await;
    assert_eq!(refused.refusal(), (403, "forbidden".into()));
    let mut resumed = ops.stream("/api/events?for=ops&since=0").await;
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != "task.claimed") {
        names.push(resumed.next().await.unwrap().event);
    }
    assert_eq!(names, ["hello", "task.created", "task.claimed"]);
}

#[tokio::test]
async fn an_integration_has_as_many_streams_as_an_agent() {
    let shop = shop().await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(shop.ops.stream("/api/events").await);
    }
    let refused = shop.ops.get("/api/events").await;
    assert_eq!(refused.refusal(), (429, "too_many_streams".into()));
    shop.a.http.stream("/api/events").await.expect("hello").await;
}

#[tokio::test]
async fn an_integration_sends_its_own_dead_letters_again_and_no_others() {
    let called = |name: &str| {
        json!({
            "name": name, "token": format!("{name}-token-0123456789"), "targets": ["cap:ops"],
            "scopes": ["tasks:create", "tasks:read", "system:write"],
            // Nobody listens there.
            "callbackUrl": "http://127.0.0.1:1/",
        })
    };
    let relay = TestRelay::builder()
        .integrations(&json!([called("ops"), called("desk")]))
        .config(|config| config.callback_timetable.truncate(1))
        .start()
        .await;
    let client = Client::new(&relay);
    let (ops, desk) = (client.token(OPS), client.token(DESK));
    post(&ops, alarm("disk"), 201).await;
    post(&desk, alarm("disk"), 201).await;
    relay.callbacks_settled().await;
    let path = "/api/integrations/dead-letters";
    let all = client.get(path).await.expect(200);
    assert_eq!(all.as_array().unwrap().len(), 2, "{all}");
    assert!(client.get("/metrics").await.text.contains("relay_callbacks_dead 2"));
    let own = ops.get(path).await.expect(200);
    assert_eq!(own.as_array().unwrap().len(), 1);
    assert_eq!((&own[0]["integration"], &own[0]["event"]), (&json!("ops"), &json!("created")));
    let foreign = ops.get(&format!("{path}?integration=desk")).await.expect(200);
    assert_eq!(foreign, own, "whatever it asks for");
    let retry = |letter: &Value| format!("{path}/{}/retry", letter["id"]);
    let refused = desk.post_nothing(&retry(&own[0])).await;
    assert_eq!(refused.refusal(), (404, "not_found".into()));
    assert_eq!(ops.post_nothing(&retry(&own[0])).await.expect(200)["id"], own[0]["id"]);
}

#[tokio::test]
async fn an_integration_speaks_in_its_own_name_to_whom_it_may() {
    let shop = shop().await;
    let Shop { ops, a, full, .. } = &shop;
    let said = ops.post("/api/messages", json!({"to": "cap:ops", "body": "all is well"})).await;
    let said = said.expect(201);
    assert_eq!((&said["from"], &said["verified"]), (&json!("ops"), &json!(true)));
    let to_a = ops.post("/api/messages", json!({"to": "a", "body": "x"})).await;
    assert_eq!(to_a.refusal(), (403, "forbidden_target".into()));
    let elsewhere = json!({"to": "cap:ops", "body": "x", "channel": "secrets"});
    assert_eq!(
        ops.post("/api/messages", elsewhere).await.refusal(),
        (403, "forbidden_channel".into())
    );
    full.post("/api/messages", mail("a", "b", "private")).await.expect(201);
    let read = ops.get("/api/messages").await.expect(200);
    assert_eq!(read.as_array().unwrap().len(), 1, "its own mail only: {read}");
    let foreign = a.http.get("/api/messages?for=ops").await;
    assert_eq!(foreign.refusal(), (403, "forbidden".into()));
}

#[tokio::test]
async fn an_integration_waits_for_the_answer_to_its_task() {
    let shop = shop().await;
    let Shop { ops, a, .. } = &shop;
    let task = post(ops, alarm("disk"), 201).await;
    claim(a, &task).await.expect(200);
    let waiting = tokio::spawn({
        let ops = ops.clone();
        async move { ops.get("/api/messages?for=ops&unread=true&wait=30").await.expect(200) }
    });
    let answer = json!({"to": "ops", "body": "mended", "replyTo": task["messageId"]});
    a.http.post("/api/messages", answer).await.expect(201);
    assert_eq!(waiting.await.unwrap()[0]["body"], "mended");
}

#[tokio::test]
async fn where_identity_is_strict_an_event_needs_a_source_that_is_somebody() {
    let relay = TestRelay::builder()
        .strict()
        .token(FULL)
        .operator(OPERATOR)
        .integrations(&integrations())
        .start()
        .await;
    let client = Client::new(&relay);
    let path = "/api/integrations/events";
    let nobody = client.token(FULL).post(path, alarm("disk")).await;
    assert_eq!(nobody.refusal(), (403, "sender_mismatch".into()));
    for (token, source) in [(OPS, "ops"), (OPERATOR, "relay")] {
        let task = client.token(token).post(path, alarm("disk")).await.expect(201);
        assert_eq!(task["source"], source);
        let message = format!("/api/messages/{}", task["messageId"]);
        assert_eq!(client.token(FULL).get(&message).await.expect(200)["verified"], true);
    }
}

#[tokio::test]
async fn integrations_are_shown_as_configured_and_seen_and_never_a_token() {
    let shop = shop().await;
    let Shop { full, ops, desk, a, .. } = &shop;
    let task = post(ops, alarm("disk"), 201).await;
    post(ops, alarm("cpu"), 201).await;
    claim(a, &task).await.expect(200);
    update(&a.http, &task, json!({"status": "done"})).await.expect(200);
    let all = full.get("/api/integrations").await;
    assert!(!all.text.contains("0123456789"), "{}", all.text);
    let all = all.expect(200);
    let names: Vec<_> = all.as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["desk", "ops"]);
    assert_eq!((&all[1]["tasks"], &all[1]["activeTasks"]), (&json!(2), &json!(1)));
    assert_eq!((&all[1]["targets"], &all[1]["configured"]), (&json!(["cap:ops"]), &json!(true)));
    assert!(all[1]["lastSeenAt"].is_number());
    assert_eq!((&all[0]["tasks"], &all[0]["lastSeenAt"]), (&json!(0), &Value::Null));
    let own = desk.get("/api/integrations").await.expect(200);
    assert_eq!(own.as_array().unwrap().len(), 1);
    assert_eq!(own[0]["name"], "desk");
}

#[tokio::test]
async fn no_agent_passes_for_an_integration() {
    let mut relay = TestRelay::builder().token(FULL).start().await;
    let full = Client::new(&relay).token(FULL);
    let early = full.register("ops", json!({})).await;
    assert_eq!(early.http.get("/api/agents/ops").await.status, 200);
    relay.stop().await;
    relay.set(|settings| settings.integrations(&integrations()));
    relay.start_again().await;
    let answer = early.http.get("/api/agents/ops").await;
    assert_eq!(answer.refusal(), (401, "unauthorized".into()), "its token is worth nothing now");
    let again = full.post("/api/agents", json!({"id": "OPS"})).await;
    assert_eq!(again.refusal(), (400, "reserved_id".into()));
    post(&Client::new(&relay).token(OPS), alarm("disk"), 201).await;
}
