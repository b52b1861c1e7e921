//! Who asks: tokens, scopes, and agents that act for themselves only.

mod common;

use common::{Client, mail, work};
use relay_server::testing::{TestRelay, unknown_token};
use serde_json::json;

const TOKEN: &str = "relay-token";
const OPERATOR: &str = "operator-token";

async fn closed() -> (TestRelay, Client) {
    let relay = TestRelay::builder().token(TOKEN).operator(OPERATOR).start().await;
    let client = Client::new(&relay);
    (relay, client)
}

#[tokio::test]
async fn without_the_right_token_nothing_under_api_answers() {
    let (_relay, client) = closed().await;
    let unauthorized = (401, "unauthorized".to_owned());
    for path in
        ["/api/stats", "/api/nope", "/api/agents/x", "/metrics", "/api/stats?token=relay-token"]
    {
        let answer = client.get(path).await;
        assert_eq!(answer.refusal(), unauthorized, "{path}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    for token in ["wrong", "relay-toke", "relay-token2", "' OR 1=1 --"] {
        assert_eq!(client.token(token).get("/api/stats").await.refusal(), unauthorized, "{token}");
    }
    let two = client.token("wrong").with("x-agent-relay-token", TOKEN);
    assert_eq!(two.get("/api/stats").await.refusal(), unauthorized);
    for good in
        [client.token(TOKEN), client.with("x-agent-relay-token", TOKEN), client.token(OPERATOR)]
    {
        assert_eq!(good.get("/api/stats").await.status, 200);
    }
    assert_eq!(client.token(TOKEN).get("/api/nope").await.refusal(), (404, "not_found".into()));
    for open in ["/health", "/ready", "/", "/api/openapi.json"] {
        assert_eq!(client.get(open).await.status, 200, "{open}");
    }
    assert_eq!(client.get("/nope").await.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn a_wrong_token_is_refused_where_none_is_asked_for() {
    let relay = TestRelay::start().await;
    let answer = Client::new(&relay).token(&unknown_token()).get("/api/stats").await;
    assert_eq!(answer.refusal(), (401, "unauthorized".into()));
    assert!(answer.json()["error"]["hint"].as_str().unwrap().contains("removed"));
    assert!(!answer.text.contains("arl_"), "the token is not repeated: {}", answer.text);
}

#[tokio::test]
async fn wrong_tokens_are_slowed_down_and_right_ones_are_not() {
    let (relay, client) = closed().await;
    let mut limited = None;
    for _ in 0..60 {
        let answer = client.token("wrong").get("/api/stats").await;
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("sixty tries at once are too many");
    assert_eq!(limited.code(), "rate_limited");
    assert!(limited.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(client.token(TOKEN).get("/api/stats").await.status, 200);
    assert!(relay.app().metrics.auth_failures.get() > 30);
}

#[tokio::test]
async fn an_agents_token_is_enough_and_opens_its_own_things_only() {
    let (_relay, client) = closed().await;
    let full = client.token(TOKEN);
    let a = full.register("a", json!({})).await;
    let b = full.register("b", json!({})).await;
    let c = full.register("c", json!({})).await;
    let to_b = a.http.post("/api/messages", mail("a", "b", "for b")).await.expect(201);
    let job = a.http.post("/api/messages", work("a", "b")).await.expect(201);
    let (to_b, job) = (to_b["id"].clone(), job["id"].clone());
    let forbidden = (403, "forbidden".to_owned());
    let mismatch = (403, "sender_mismatch".to_owned());

    assert_eq!(
        a.http.patch("/api/agents/b/label", json!({"label": "mine"})).await.refusal(),
        forbidden
    );
    assert_eq!(a.http.patch("/api/agents/b", json!({"tags": []})).await.refusal(), forbidden);
    assert_eq!(a.http.post_nothing("/api/agents/b/heartbeat").await.refusal(), forbidden);
    assert_eq!(a.http.delete("/api/agents/b").await.refusal(), forbidden);
    assert_eq!(a.http.post("/api/agents", json!({"id": "d"})).await.refusal(), forbidden);
    assert_eq!(a.http.patch("/api/agents/A/label", json!({"label": "own"})).await.status, 200);

    let seen = json!({"agentId": "b", "read": true});
    let path = format!("/api/messages/{to_b}");
    assert_eq!(c.http.patch(&path, seen.clone()).await.refusal(), forbidden);
    assert_eq!(c.http.delete(&path).await.refusal(), forbidden);
    assert_eq!(c.http.get(&path).await.refusal(), forbidden);
    assert_eq!(c.http.get("/api/messages?for=b").await.refusal(), forbidden);
    assert_eq!(c.http.get("/api/events?for=b").await.refusal(), forbidden);
    assert_eq!(c.http.get("/api/messages").await.expect(200), json!([]));
    assert_eq!(b.http.patch(&path, seen).await.status, 200);

    for body in [mail("b", "c", "x"), mail("B", "c", "x"), mail("human", "c", "x")] {
        assert_eq!(a.http.post("/api/messages", body).await.refusal(), mismatch);
    }
    let claim = format!("/api/messages/{job}/claim");
    assert_eq!(c.http.post(&claim, json!({"agentId": "b"})).await.refusal(), mismatch);
    assert_eq!(c.http.post(&claim, json!({})).await.refusal(), forbidden, "it is not for c");
    assert_eq!(b.http.post_nothing(&claim).await.expect(200)["claim"]["by"], "b");
    let tokens = a.http.get("/api/tokens").await;
    assert_eq!(tokens.refusal(), (403, "forbidden_scope".into()));
}

#[tokio::test]
async fn who_sends_is_proven_or_shown_as_unproven() {
    let (_relay, client) = closed().await;
    let full = client.token(TOKEN);
    let a = full.register("a", json!({})).await;
    full.register("b", json!({})).await;
    let sent =
        |client: Client, body| async move { client.post("/api/messages", body).await.expect(201) };
    assert_eq!(sent(a.http.clone(), json!({"to": "b", "body": "x"})).await["from"], "a");
    assert_eq!(sent(a.http.clone(), mail("a", "b", "x")).await["verified"], true);
    assert_eq!(sent(full.clone(), mail("a", "b", "x")).await["verified"], false);
    assert_eq!(sent(full.clone(), mail("human", "b", "x")).await["verified"], false);
    let operator = client.token(OPERATOR);
    let human = sent(operator.clone(), json!({"to": "b", "body": "x"})).await;
    assert_eq!((&human["from"], &human["verified"]), (&json!("human"), &json!(true)));
    let nobody = full.post("/api/messages", json!({"to": "b", "body": "x"})).await;
    assert_eq!(nobody.refusal(), (400, "missing_field".into()));
    assert_eq!(nobody.json()["error"]["details"]["field"], "from");
    let system = full.post("/api/messages", mail("system", "b", "x")).await;
    assert_eq!(system.refusal(), (400, "reserved_id".into()));
}

#[tokio::test]
async fn strict_identity_refuses_the_unproven() {
    let relay = TestRelay::builder().strict().operator(OPERATOR).start().await;
    let client = Client::new(&relay);
    let a = client.register("a", json!({})).await;
    let b = client.register("b", json!({})).await;
    let mismatch = (403, "sender_mismatch".to_owned());
    let forbidden = (403, "forbidden".to_owned());
    assert_eq!(client.post("/api/messages", mail("a", "b", "x")).await.refusal(), mismatch);
    assert_eq!(client.post("/api/messages", mail("human", "b", "x")).await.refusal(), mismatch);
    let job = a.http.post("/api/messages", work("a", "b")).await.expect(201)["id"].clone();
    for step in ["claim", "release", "done"] {
        let path = format!("/api/messages/{job}/{step}");
        assert_eq!(client.post(&path, json!({"agentId": "b"})).await.refusal(), mismatch, "{step}");
    }
    let path = format!("/api/messages/{job}");
    let read = json!({"agentId": "b", "read": true});
    assert_eq!(client.patch(&path, read.clone()).await.refusal(), mismatch);
    assert_eq!(client.delete(&path).await.refusal(), forbidden);
    assert_eq!(client.post_nothing("/api/agents/b/heartbeat").await.refusal(), forbidden);
    assert_eq!(
        client.patch("/api/agents/b/status", json!({"status": "busy"})).await.refusal(),
        forbidden
    );
    assert_eq!(client.delete("/api/agents/b").await.refusal(), forbidden);
    assert_eq!(b.http.post_nothing("/api/agents/b/heartbeat").await.status, 200);
    assert_eq!(b.http.patch(&path, read).await.status, 200);
    let operator = client.token(OPERATOR);
    assert_eq!(operator.patch("/api/agents/b/label", json!({"label": "Bee"})).await.status, 200);
    assert_eq!(operator.post("/api/messages", json!({"to": "b", "body": "x"})).await.status, 201);
}

#[tokio::test]
async fn a_scoped_token_opens_what_it_names_until_it_is_revoked() {
    let (relay, client) = closed().await;
    let full = client.token(TOKEN);
    let made = full
        .post("/api/tokens", json!({"name": "charts", "scopes": ["stats:read", "events:read"]}))
        .await
        .expect(201);
    let charts = client.token(made["token"].as_str().unwrap());
    assert_eq!(charts.get("/api/stats").await.status, 200);
    assert_eq!(charts.get("/metrics").await.status, 200);
    let refused = charts.get("/api/agents").await;
    assert_eq!(refused.refusal(), (403, "forbidden_scope".into()));
    assert_eq!(refused.json()["error"]["details"]["scope"], "agents:read");
    let listed = full.get("/api/tokens").await;
    assert!(!listed.text.contains(made["token"].as_str().unwrap()));

    let mut stream = charts.stream("/api/events").await;
    stream.expect("hello").await;
    let path = format!("/api/tokens/{}", made["id"]);
    assert_eq!(full.delete(&path).await.status, 204);
    assert_eq!(stream.next().await, None, "its stream closes");
    assert_eq!(charts.get("/api/stats").await.refusal(), (401, "unauthorized".into()));
    assert_eq!(full.delete("/api/tokens/999").await.refusal(), (404, "not_found".into()));
    common::until("the stream's place is free", || relay.app().streams.count() == 0).await;
}

#[tokio::test]
async fn nobody_gives_a_scope_that_it_lacks() {
    let (_relay, client) = closed().await;
    let ask_for = |client: Client, scopes: &'static str| async move {
        client.post("/api/tokens", json!({"name": "x", "scopes": [scopes]})).await
    };
    let made = ask_for(client.token(TOKEN), "system:write").await.expect(201);
    let admin = client.token(made["token"].as_str().unwrap());
    assert_eq!(ask_for(admin.clone(), "system:write").await.status, 201);
    for scope in ["*", "messages:read"] {
        assert_eq!(ask_for(admin.clone(), scope).await.refusal(), (403, "forbidden_scope".into()));
    }
    assert_eq!(ask_for(admin, "everything").await.refusal(), (400, "invalid_field".into()));
}
