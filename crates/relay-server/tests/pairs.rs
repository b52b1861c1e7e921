//! Pairs over HTTP: who sees what, live and later.

mod common;

use common::{Client, TestAgent, mail};
use relay_core::{pair::INVITATION, time::Clock as _};
use relay_server::testing::TestRelay;
use serde_json::{Value, json};

async fn join(client: &Client, id: &str) -> TestAgent {
    client.register(id, json!({ "provider": "codex" })).await
}

async fn invite(agent: &TestAgent, target: &str) -> Value {
    agent
        .http
        .post("/api/pairs", json!({ "target": target, "objective": "a plan" }))
        .await
        .expect(201)
}

fn path(pair: &Value, verb: &str) -> String {
    format!("/api/pairs/{}/{verb}", pair["id"].as_str().unwrap())
}

/// A redacted copy: the id is another each time.
fn without_id(mut pair: Value) -> Value {
    pair["id"] = "…".into();
    pair
}

#[tokio::test]
async fn both_sides_hear_of_every_step_and_nobody_else_does() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    let (a, b, c) = (join(&client, "a").await, join(&client, "b").await, join(&client, "c").await);
    let mut seen_by_a = a.http.stream("/api/events?for=a").await;
    let mut seen_by_b = b.http.stream("/api/events?for=b").await;
    let mut seen_by_c = c.http.stream("/api/events?for=c").await;
    for stream in [&mut seen_by_a, &mut seen_by_b, &mut seen_by_c] {
        stream.expect("hello").await;
    }

    let pair = invite(&a, "b").await;
    let invited = seen_by_b.expect("pair.invited").await;
    assert_eq!(invited.data["pair"], pair);
    assert_eq!(invited.data["by"], "a");
    seen_by_a.expect("pair.invited").await;
    let message = seen_by_b.expect("message.new").await.data["message"].clone();
    assert_eq!((&message["pairId"], &message["kind"]), (&pair["id"], &json!("pair")));
    assert_eq!(message["verified"], true);
    assert_eq!(message["payload"], json!({ "event": "pair.invited" }));

    let accepted = b.http.post_nothing(&path(&pair, "accept")).await.expect(200);
    assert_eq!(seen_by_a.expect("pair.accepted").await.data["pair"], accepted);
    assert_eq!(seen_by_a.expect("message.new").await.data["message"]["from"], "b");
    seen_by_b.expect("pair.accepted").await;
    let said =
        a.http.post(&path(&pair, "messages"), json!({ "body": "which test?" })).await.expect(201);
    assert_eq!((&said["recipients"], &said["threadId"]), (&json!(1), &message["threadId"]));
    assert_eq!(seen_by_b.expect("message.new").await.data["message"]["body"], "which test?");
    a.http.post_nothing(&path(&pair, "hangup")).await.expect(200);
    assert_eq!(seen_by_b.expect("pair.ended").await.data["pair"]["endReason"], "hangup");
    seen_by_b.expect("message.new").await;

    a.http.post("/api/messages", mail("a", "c", "and you?")).await.expect(201);
    assert_eq!(seen_by_c.expect("message.new").await.data["message"]["body"], "and you?");
    let mut replayed = b.http.stream("/api/events?for=b&since=0").await;
    let mut names = Vec::new();
    while names.iter().filter(|name| *name == "message.new").count() < 3 {
        names.push(replayed.next().await.unwrap().event);
    }
    let pairs: Vec<&String> = names.iter().filter(|name| name.starts_with("pair.")).collect();
    assert_eq!(pairs, ["pair.invited", "pair.accepted", "pair.ended"], "and later the same");
}

#[tokio::test]
async fn a_pair_reads_as_the_contract_says() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    let (a, b) = (join(&client, "a").await, join(&client, "b").await);
    let pair = invite(&a, "B").await;
    let now = relay.clock().now().0;
    assert_eq!(
        without_id(pair.clone()),
        json!({"id": "…", "initiator": "a", "partner": "b", "objective": "a plan", "status": "pending", "createdAt": now})
    );
    let rejected = b.http.post_nothing(&path(&pair, "reject")).await.expect(200);
    assert_eq!(
        without_id(rejected.clone()),
        json!({"id": "…", "initiator": "a", "partner": "b", "objective": "a plan", "status": "rejected",
            "createdAt": now, "endedAt": now})
    );
    let late = invite(&b, "a").await;
    relay.clock().advance(INVITATION);
    relay.reap().await;
    let stats = client.get("/api/stats").await.expect(200);
    assert_eq!(stats["pairs"], json!({ "pending": 0, "active": 0 }));
    let listed = a.http.get("/api/pairs?agent=a").await.expect(200);
    assert_eq!(listed[0], rejected);
    assert_eq!((&listed[1]["id"], &listed[1]["status"]), (&late["id"], &json!("expired")));
    let first = client.get("/api/pairs?limit=1").await;
    let link = first.headers["link"].to_str().unwrap().to_owned();
    assert_eq!(first.expect(200), json!([listed[1]]));
    let next = link.split(['<', '>']).nth(1).unwrap();
    assert_eq!(client.get(next).await.expect(200), json!([rejected]), "{link}");
}

#[tokio::test]
async fn who_did_not_prove_to_be_it_pairs_unverified_or_not_at_all() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    let (a, b) = (join(&client, "a").await, join(&client, "b").await);
    let pair = client.post("/api/pairs", json!({ "from": "a", "target": "b" })).await.expect(201);
    let inbox = b.http.get("/api/messages?for=b").await.expect(200);
    assert_eq!(inbox[0]["verified"], false);
    b.http.post_nothing(&path(&pair, "accept")).await.expect(200);
    let inbox = a.http.get("/api/messages?for=a").await.expect(200);
    assert_eq!(inbox[0]["verified"], true);

    let relay = TestRelay::builder().strict().start().await;
    let client = Client::new(&relay);
    join(&client, "a").await;
    join(&client, "b").await;
    let refused = client.post("/api/pairs", json!({ "from": "a", "target": "b" })).await.refusal();
    assert_eq!(refused, (403, "sender_mismatch".to_owned()));
}

#[tokio::test]
async fn a_pair_outlives_a_restart_and_ends_with_its_agent() {
    let mut relay = TestRelay::start().await;
    let client = Client::new(&relay);
    let (a, b) = (join(&client, "a").await, join(&client, "b").await);
    let pair = invite(&a, "codex").await;
    relay.restart().await;
    b.http.post_nothing(&path(&pair, "accept")).await.expect(200);
    relay.restart().await;
    b.http.post(&path(&pair, "messages"), json!({ "body": "still here" })).await.expect(201);
    a.http.delete("/api/agents/a").await.expect(204);
    let ended = b.http.get(path(&pair, "").trim_end_matches('/')).await.expect(200);
    assert_eq!((&ended["status"], &ended["endReason"]), (&json!("ended"), &json!("offline")));
    let inbox = b.http.get("/api/messages?for=b").await.expect(200);
    let last = inbox.as_array().unwrap().last().unwrap();
    assert_eq!((&last["from"], &last["verified"]), (&json!("system"), &json!(true)));
}
