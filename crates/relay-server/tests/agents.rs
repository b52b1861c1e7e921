//! Agents: registering, taking and taking back an id, lists, presence.

mod common;

use std::time::Duration;

use common::Client;
use insta::assert_json_snapshot;
use relay_server::testing::TestRelay;
use serde_json::{Value, json};

#[tokio::test]
async fn a_new_agent_is_shown_whole_and_gets_its_token() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    let about = json!({
        "id": "host-api-1a2b", "label": " Backend ", "provider": "claude", "machine": "build-01",
        "tags": ["x", "x"], "capabilities": ["review"], "instanceId": "p1", "meta": {"a": 1},
    });
    let reply = client.post("/api/agents", about).await.expect(201);
    assert_json_snapshot!(reply, {".token" => "[token]"}, @r#"
    {
      "approval": "open",
      "capabilities": [
        "review"
      ],
      "channels": "all",
      "createdAt": 1800000000000,
      "epoch": 1,
      "id": "host-api-1a2b",
      "instanceId": "p1",
      "label": "Backend",
      "lastSeenAt": 1800000000000,
      "machine": "build-01",
      "meta": {
        "a": 1
      },
      "name": "host-api-1a2b",
      "provider": "claude",
      "ready": true,
      "status": "idle",
      "statusAt": 1800000000000,
      "tags": [
        "x"
      ],
      "token": "[token]"
    }
    "#);
    assert!(reply["token"].as_str().unwrap().starts_with("arl_agent_"));
    let shown = client.get("/api/agents/HOST-api-1a2b").await.expect(200);
    assert_eq!(shown["id"], "host-api-1a2b");
    assert_eq!(shown.get("token"), None);
}

#[tokio::test]
async fn a_live_id_without_proof_is_taken_in_both_identity_modes() {
    for builder in [TestRelay::builder(), TestRelay::builder().strict()] {
        let relay = builder.start().await;
        let client = Client::new(&relay);
        let old = client.register("a", json!({"instanceId": "p1"})).await;
        let taken = client.post("/api/agents", json!({"id": "A", "instanceId": "p2"})).await;
        assert_eq!(taken.refusal(), (409, "agent_id_taken".into()));
        assert!(taken.json()["error"]["hint"].is_string());

        let again = old.http.post("/api/agents", json!({"id": "a", "instanceId": "p2"})).await;
        let again = again.expect(200);
        assert_eq!((&again["epoch"], &again["token"]), (&json!(2), &json!(old.token)));
        let fenced = json!({"instanceId": "p1", "epoch": 1});
        let stale = old.http.post("/api/agents/a/heartbeat", fenced).await;
        assert_eq!(stale.refusal(), (409, "stale_session".into()));
    }
}

#[tokio::test]
async fn an_offline_id_may_be_taken_and_its_owner_takes_it_back() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    let owner = client.register("a", json!({})).await;
    relay.clock().advance(Duration::from_mins(3));
    relay.reap().await;
    assert_eq!(client.get("/api/agents/a").await.expect(200)["status"], "offline");

    let mut events = client.stream("/api/events").await;
    events.expect("hello").await;
    let guest = client.post("/api/agents", json!({"id": "a"})).await.expect(200);
    let guest_token = guest["token"].as_str().unwrap().to_owned();
    assert_ne!(guest_token, owner.token);
    assert_eq!(events.expect("agent.registered").await.data["takenOver"], true);
    let guest = Client::new(&relay).token(&guest_token);
    let mut guests_stream = guest.stream("/api/events?for=a").await;
    guests_stream.expect("hello").await;

    let back = owner.http.post("/api/agents", json!({"id": "a"})).await.expect(200);
    assert_eq!(back["token"], json!(owner.token));
    assert_eq!(guest.get("/api/agents/a").await.refusal(), (401, "unauthorized".into()));
    while let Some(frame) = guests_stream.next().await {
        assert_eq!(
            frame.event, "agent.registered",
            "the guest's stream ends at the owner's return"
        );
    }
    let sent = owner.http.post("/api/messages", json!({"to": "a", "body": "x"})).await.expect(201);
    assert_eq!((&sent["from"], &sent["verified"]), (&json!("a"), &json!(true)));
}

#[tokio::test]
async fn strict_identity_does_not_give_an_offline_id_away() {
    let relay = TestRelay::builder().strict().start().await;
    let client = Client::new(&relay);
    client.register("a", json!({})).await;
    relay.clock().advance(Duration::from_mins(3));
    relay.reap().await;
    let taken = client.post("/api/agents", json!({"id": "a"})).await;
    assert_eq!(taken.refusal(), (409, "agent_id_taken".into()));
}

#[tokio::test]
async fn a_pruned_agent_is_told_to_register_again() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    let a = client.register("a", json!({})).await;
    assert_eq!(a.http.post_nothing("/api/agents/a/heartbeat").await.status, 200);
    let mut stream = client.stream("/api/events?for=a").await;
    stream.expect("hello").await;
    relay.clock().advance(Duration::from_mins(3));
    relay.reap().await;
    assert_eq!(stream.expect("agent.status").await.data["agent"]["status"], "offline");
    relay.clock().advance(Duration::from_hours(25));
    relay.reap().await;
    stream.expect("agent.removed").await;
    let gone = client.post_nothing("/api/agents/a/heartbeat").await;
    assert_eq!(gone.refusal(), (404, "not_found".into()));
    assert_eq!(client.get("/api/events?for=a").await.refusal(), (404, "not_found".into()));
    assert_eq!(client.delete("/api/agents/a").await.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    for i in 0..5 {
        client.register(&format!("a{i}"), json!({"tags": ["x"], "capabilities": ["review"]})).await;
    }
    client.register("b", json!({"capabilities": ["review"], "ready": false})).await;
    client.patch("/api/agents/a4/status", json!({"status": "offline"})).await.expect(200);
    let ids = |list: &Value| {
        let agents = list.as_array().unwrap().iter();
        agents.map(|agent| agent["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let page = client.get("/api/agents?tag=x&limit=2").await;
    assert_eq!(ids(&page.json()), ["a0", "a1"]);
    assert_eq!(page.header("link"), "</api/agents?tag=x&limit=2&after=a1>; rel=\"next\"");
    let last = client.get("/api/agents?tag=x&limit=2&after=a3").await;
    assert_eq!((ids(&last.json()), last.header("link")), (vec!["a4".into()], ""));
    let found = client.get("/api/agents/find?capability=review").await.expect(200);
    assert_eq!(
        ids(&found),
        ["a0", "a1", "a2", "a3"],
        "the offline and the unready are not available"
    );
    assert_eq!(client.get("/api/agents?tag=%27%20OR%201%3D1--").await.expect(200), json!([]));
    for (path, code) in [
        ("/api/agents/find", "missing_field"),
        ("/api/agents/find?capability=a&capability=b", "invalid_field"),
        ("/api/agents?callback=alert", "unknown_field"),
        ("/api/agents?limit=0", "invalid_field"),
        ("/api/agents?limit=501", "invalid_field"),
        ("/api/agents/a0?x=1", "unknown_field"),
    ] {
        assert_eq!(client.get(path).await.refusal(), (400, code.into()), "{path}");
    }
}

#[tokio::test]
async fn what_no_agent_may_be_called_is_refused() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    for (body, code) in [
        (json!({}), "missing_field"),
        (json!({"id": ""}), "invalid_field"),
        (json!({"id": "a/../b"}), "invalid_field"),
        (json!({"id": "a".repeat(300)}), "invalid_field"),
        (json!({"id": "find"}), "reserved_id"),
        (json!({"id": "Human"}), "reserved_id"),
        (json!({"id": "x", "tags": "backend"}), "invalid_field"),
        (json!({"id": "x", "tags": ["cap:admin"]}), "invalid_field"),
        (json!({"id": "x", "tags": vec!["t"; 33]}), "invalid_field"),
        (json!({"id": "x", "approval": "yolo"}), "invalid_field"),
        (json!({"id": "x", "label": "ad\u{200b}min"}), "invalid_field"),
        (json!({"id": "x", "epoch": 3}), "unknown_field"),
    ] {
        assert_eq!(
            client.post("/api/agents", body.clone()).await.refusal(),
            (400, code.into()),
            "{body}"
        );
    }
    assert_eq!(client.get("/api/agents").await.expect(200), json!([]));
}

#[tokio::test]
async fn a_label_is_set_and_cleared_and_a_status_told() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    client.register("a", json!({"label": "Bee"})).await;
    let cleared = client.patch("/api/agents/a/label", json!({"label": null})).await.expect(200);
    assert_eq!(cleared.get("label"), None);
    let status = json!({"status": "waiting", "detail": "may I delete it?"});
    let waiting = client.patch("/api/agents/a/status", status).await.expect(200);
    assert_eq!(waiting["statusDetail"], "may I delete it?");
    let beat = client.post("/api/agents/a/heartbeat", json!({"status": "busy"})).await.expect(200);
    assert_eq!((&beat["status"], beat.get("statusDetail")), (&json!("busy"), None));
    assert_eq!(
        client.patch("/api/agents/a/label", json!({})).await.refusal(),
        (400, "missing_field".into())
    );
}
