//! Tasks over HTTP: an event becomes work, somebody does it, and who may see and say what.

mod common;

use std::time::Duration;

use common::{Client, TestAgent};
use relay_server::testing::TestRelay;
use serde_json::{Value, json};

const FULL: &str = "the-relays-own-token";
const OPERATOR: &str = "the-operators-token";
const OPS: &str = "ops-token-0123456789";
const DESK: &str = "desk-token-0123456789";

fn integrations() -> Value {
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
struct Shop {
    relay: TestRelay,
    full: Client,
    ops: Client,
    desk: Client,
    a: TestAgent,
    b: TestAgent,
    stranger: TestAgent,
}

async fn shop() -> Shop {
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

fn alarm(key: &str) -> Value {
    json!({
        "type": "alarm", "severity": "critical", "dedupeKey": key, "title": "Disk full",
        "body": "db-1 has 0 bytes left", "target": "cap:ops",
    })
}

fn resolved(key: &str) -> Value {
    json!({ "type": "alarm", "dedupeKey": key, "status": "resolved" })
}

async fn post(client: &Client, event: Value, status: u16) -> Value {
    client.post("/api/integrations/events", event).await.expect(status)
}

async fn claim(agent: &TestAgent, task: &Value) -> common::Answer {
    agent.http.post_nothing(&format!("/api/tasks/{}/claim", task["id"])).await
}

async fn update(client: &Client, task: &Value, change: Value) -> common::Answer {
    client.patch(&format!("/api/tasks/{}/status", task["id"]), change).await
}

async fn now(client: &Client, task: &Value) -> Value {
    client.get(&format!("/api/tasks/{}", task["id"])).await.expect(200)
}

async fn history(client: &Client, task: &Value) -> Vec<String> {
    let events = client.get(&format!("/api/tasks/{}/events", task["id"])).await.expect(200);
    let kind = |event: &Value| event["type"].as_str().unwrap().to_owned();
    events.as_array().unwrap().iter().map(kind).collect()
}

#[tokio::test]
async fn an_alarm_is_counted_worked_on_and_resolved() {
    let shop = shop().await;
    let Shop { full, ops, a, b, .. } = &shop;
    let task = post(ops, alarm("disk"), 201).await;
    assert_eq!((&task["source"], &task["status"]), (&json!("ops"), &json!("open")));
    let again = post(ops, alarm("disk"), 200).await;
    assert_eq!((&again["id"], &again["occurrenceCount"]), (&task["id"], &json!(2)));

    let mail = a.http.get("/api/messages?for=a&unread=true").await.expect(200);
    assert_eq!(mail.as_array().unwrap().len(), 1, "it is announced once");
    let message = &mail[0];
    assert_eq!((&message["id"], &message["taskId"]), (&task["messageId"], &task["id"]));
    assert_eq!((&message["from"], &message["verified"]), (&json!("ops"), &json!(true)));
    assert_eq!((&message["kind"], &message["claimable"]), (&json!("task"), &json!(true)));

    let claimed = claim(a, &task).await.expect(200);
    assert_eq!((&claimed["status"], &claimed["claim"]["by"]), (&json!("claimed"), &json!("a")));
    assert_eq!(claim(b, &task).await.refusal(), (409, "already_claimed".into()));
    let by_message = format!("/api/messages/{}/claim", task["messageId"]);
    assert_eq!(b.http.post_nothing(&by_message).await.refusal(), (409, "already_claimed".into()));
    let progress = json!({"status": "in_progress", "progress": "looking at db-1"});
    assert_eq!(update(&a.http, &task, progress).await.expect(200)["progress"], "looking at db-1");
    update(&a.http, &task, json!({"status": "blocked"})).await.expect(200);
    let over = post(ops, resolved("disk"), 200).await;
    assert_eq!((&over["id"], &over["status"]), (&task["id"], &json!("done")));
    let late = update(&a.http, &task, json!({"status": "done"})).await;
    assert_eq!(late.refusal(), (409, "invalid_transition".into()));
    let message = full.get(&format!("/api/messages/{}", task["messageId"])).await.expect(200);
    assert!(message["claim"]["doneAt"].is_number(), "both are finished: {message}");
    assert_eq!(
        history(ops, &task).await,
        ["created", "repeated", "claimed", "progress", "blocked", "done"]
    );

    let anew = post(ops, alarm("disk"), 201).await;
    assert_ne!(anew["id"], task["id"], "the same key opens a new task");
    assert_eq!(anew["occurrenceCount"], 1);
    let stats = full.get("/api/stats").await.expect(200);
    assert_eq!(stats["tasks"], json!({"open": 1, "claimed": 0, "inProgress": 0, "blocked": 0}));
    assert_eq!(stats["callbacks"], json!({"waiting": 0, "dead": 0}));
}

#[tokio::test]
async fn a_task_is_claimed_through_its_message_and_done_by_the_answer() {
    let shop = shop().await;
    let Shop { ops, a, .. } = &shop;
    let task = post(ops, alarm("disk"), 201).await;
    let message = &task["messageId"];
    a.http.post_nothing(&format!("/api/messages/{message}/claim")).await.expect(200);
    let claimed = now(ops, &task).await;
    assert_eq!((&claimed["status"], &claimed["claim"]["by"]), (&json!("claimed"), &json!("a")));
    let answer = json!({"to": "ops", "body": "removed old logs", "replyTo": message});
    let answer = a.http.post("/api/messages", answer).await.expect(201);
    let done = now(ops, &task).await;
    assert_eq!((&done["status"], &done["result"]), (&json!("done"), &json!("removed old logs")));
    let mail = ops.get("/api/messages?for=ops").await.expect(200);
    assert_eq!(mail[0]["id"], answer["id"], "the integration reads what is said to it");
    let thread = ops.get(&format!("/api/messages/{message}/thread")).await.expect(200);
    assert_eq!(thread.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn who_goes_offline_gives_the_task_back_and_cannot_finish_it() {
    let shop = shop().await;
    let Shop { relay, full, ops, a, b, .. } = &shop;
    let task = post(ops, alarm("disk"), 201).await;
    let first = claim(a, &task).await.expect(200)["claim"]["generation"].clone();
    relay.clock().advance(Duration::from_secs(100));
    b.http.post_nothing("/api/agents/b/heartbeat").await.expect(200);
    relay.clock().advance(Duration::from_secs(21));
    relay.reap().await;
    let open = now(full, &task).await;
    assert_eq!((&open["status"], &open["claim"]), (&json!("open"), &Value::Null));
    let second = claim(b, &task).await.expect(200)["claim"]["generation"].clone();
    assert_ne!(first, second);
    a.http.post_nothing("/api/agents/a/heartbeat").await.expect(200);
    let late = json!({"status": "done", "generation": first});
    assert_eq!(update(&a.http, &task, late).await.refusal(), (409, "lease_lost".into()));
    let done = json!({"status": "resolved", "generation": second, "result": "mended"});
    assert_eq!(update(&b.http, &task, done).await.expect(200)["status"], "done");
    assert_eq!(history(ops, &task).await, ["created", "claimed", "released", "claimed", "done"]);
}

#[tokio::test]
async fn who_created_a_task_may_call_it_off() {
    let shop = shop().await;
    let Shop { ops, desk, a, .. } = &shop;
    let task = post(ops, alarm("disk"), 201).await;
    claim(a, &task).await.expect(200);
    let cancel = json!({"status": "cancelled"});
    assert_eq!(
        update(desk, &task, cancel.clone()).await.refusal(),
        (403, "forbidden_scope".into())
    );
    let off = update(ops, &task, cancel).await.expect(200);
    assert_eq!(off["status"], "cancelled");
    let late = update(&a.http, &task, json!({"status": "done"})).await;
    assert_eq!(late.refusal(), (409, "invalid_transition".into()));
}

#[tokio::test]
async fn everybody_sees_the_tasks_that_are_its_own() {
    let shop = shop().await;
    let Shop { full, ops, desk, a, stranger, .. } = &shop;
    let of_ops = post(ops, alarm("disk"), 201).await;
    let of_desk = post(desk, alarm("disk"), 201).await;
    assert_ne!(of_ops["id"], of_desk["id"], "two sources never share a key");
    let made = full.post("/api/tokens", json!({"name": "x", "scopes": ["tasks:read"]})).await;
    let scoped = Client::new(&shop.relay).token(made.expect(201)["token"].as_str().unwrap());
    let both = [&of_ops["id"], &of_desk["id"]];
    for (who, client, sees) in [
        ("the relay's own token", full, &both[..]),
        ("a scoped token", &scoped, &both[..]),
        ("an agent it is for", &a.http, &both[..]),
        ("an agent it is not for", &stranger.http, &[]),
        ("ops", ops, &both[..1]),
        ("desk", desk, &both[1..]),
    ] {
        let listed = client.get("/api/tasks").await.expect(200);
        let ids: Vec<&Value> = listed.as_array().unwrap().iter().map(|t| &t["id"]).collect();
        assert_eq!(ids, sees, "{who}");
        for id in both {
            let status = if sees.contains(&id) { 200 } else { 403 };
            for path in [format!("/api/tasks/{id}"), format!("/api/tasks/{id}/events")] {
                assert_eq!(client.get(&path).await.status, status, "{who} on {path}");
            }
        }
    }
    let of_source = full.get("/api/tasks?source=desk&status=active").await.expect(200);
    assert_eq!(of_source.as_array().unwrap().len(), 1);
    assert_eq!(ops.get("/api/tasks?source=desk").await.expect(200), json!([]));
}

#[tokio::test]
async fn an_integrations_stream_tells_of_its_own_tasks_only() {
    let shop = shop().await;
    let Shop { ops, desk, a, full, .. } = &shop;
    let mut stream = ops.stream("/api/events").await;
    stream.expect("hello").await;
    post(desk, alarm("disk"), 201).await;
    full.post("/api/messages", common::mail("a", "b", "private")).await.expect(201);
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
async fn agents_and_people_create_tasks_too() {
    let shop = shop().await;
    let Shop { relay, a, b, .. } = &shop;
    let job = json!({"title": "Review the migration", "target": "cap:ops", "dedupeKey": "m-7"});
    let task = a.http.post("/api/tasks", job.clone()).await.expect(201);
    assert_eq!((&task["source"], &task["type"]), (&json!("agent:a"), &json!("task")));
    assert_eq!(a.http.post("/api/tasks", job.clone()).await.expect(200)["occurrenceCount"], 2);
    let other = b.http.post("/api/tasks", job.clone()).await.expect(201);
    assert_ne!(other["id"], task["id"], "each creator has keys of its own");
    assert_eq!(claim(a, &other).await.expect(200)["claim"]["by"], "a");
    let operator = Client::new(relay).token(OPERATOR);
    let human = operator.post("/api/tasks", job).await.expect(201);
    assert_eq!(human["source"], "agent:human");
    let message = operator.get(&format!("/api/messages/{}", human["messageId"])).await.expect(200);
    assert_eq!((&message["from"], &message["verified"]), (&json!("human"), &json!(true)));
    let off = update(&operator, &task, json!({"status": "cancelled"})).await.expect(200);
    assert_eq!(off["status"], "cancelled", "people may call off everything");
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
    full.post("/api/messages", common::mail("a", "b", "private")).await.expect(201);
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
