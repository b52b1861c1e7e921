//! Tasks over HTTP: an event becomes work, somebody does it, and who may see and say what.

mod common;

use std::time::Duration;

use common::{
    Client,
    shop::{OPERATOR, Shop, alarm, claim, history, now, post, resolved, shop, update},
};
use serde_json::{Value, json};

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
async fn tasks_are_listed_page_by_page() {
    let shop = shop().await;
    let mut posted = Vec::new();
    for key in ["a", "b", "c"] {
        posted.push(post(&shop.ops, alarm(key), 201).await["id"].clone());
    }
    let page = shop.full.get("/api/tasks?limit=2&source=ops").await;
    let link = page.header("link").to_owned();
    let next = link.strip_prefix('<').and_then(|l| l.strip_suffix(">; rel=\"next\"")).unwrap();
    let ids = |page: Value| -> Vec<Value> {
        page.as_array().unwrap().iter().map(|task| task["id"].clone()).collect()
    };
    assert_eq!(ids(page.expect(200)), posted[1..], "the newest page, newest last");
    let last = shop.full.get(next).await;
    assert_eq!(last.header("link"), "");
    assert_eq!(ids(last.expect(200)), posted[..1]);
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
