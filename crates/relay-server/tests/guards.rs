//! What keeps foreign web pages out, in both modes, and the headers that every answer carries.

mod common;

use common::{Client, mail, work};
use http::Method;
use relay_server::testing::TestRelay;
use serde_json::json;

async fn both_modes() -> [(TestRelay, Client); 2] {
    let open = TestRelay::start().await;
    let closed = TestRelay::builder().token("relay-token").start().await;
    let clients = [Client::new(&open), Client::new(&closed).token("relay-token")];
    let [a, b] = clients;
    [(open, a), (closed, b)]
}

#[tokio::test]
async fn a_foreign_host_or_origin_is_refused_with_and_without_a_token() {
    for (relay, client) in both_modes().await {
        let own = relay.address().to_string();
        let refusal = |client: Client| async move { client.get("/api/stats").await.refusal() };
        for host in ["evil.example", "127.evil.example:4850", "2130706433", "localhost:x"] {
            let answer = refusal(client.with("host", host)).await;
            assert_eq!(answer, (403, "forbidden_host".into()), "{host}");
        }
        for origin in ["https://evil.example", "http://localhost:3000", "null", "http://127.0.0.1"]
        {
            let answer = refusal(client.with("origin", origin)).await;
            assert_eq!(answer, (403, "forbidden_origin".into()), "{origin}");
        }
        for site in ["cross-site", "same-site"] {
            let answer = refusal(client.with("sec-fetch-site", site)).await;
            assert_eq!(answer, (403, "forbidden_origin".into()), "{site}");
        }
        let page =
            client.with("origin", &format!("http://{own}")).with("sec-fetch-site", "same-origin");
        assert_eq!(page.get("/api/stats").await.status, 200);
        assert_eq!(client.with("host", "localhost:1").get("/api/stats").await.status, 200);
    }
}

#[tokio::test]
async fn a_page_cannot_post_without_a_body_either() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    let a = client.register("a", json!({})).await;
    client.register("b", json!({})).await;
    let id = client.post("/api/messages", work("a", "b")).await.expect(201)["id"].clone();
    let claim = format!("/api/messages/{id}/claim");
    let page = a.http.with("origin", "https://evil.example");
    assert_eq!(page.post_nothing(&claim).await.refusal(), (403, "forbidden_origin".into()));
    let old_browser = client.with("sec-fetch-site", "cross-site");
    assert_eq!(old_browser.post_nothing(&claim).await.refusal(), (403, "forbidden_origin".into()));
    let form = client.with("content-type", "application/x-www-form-urlencoded");
    let posted = form.send(Method::POST, &claim, Some(String::new())).await;
    assert_eq!(posted.refusal(), (415, "unsupported_media_type".into()));
    let plain = client.with("content-type", "text/plain");
    let posted = plain.post("/api/messages", mail("a", "b", "hi")).await;
    assert_eq!(posted.refusal(), (415, "unsupported_media_type".into()));
    assert_eq!(client.get("/api/messages").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn health_answers_whoever_asks_by_whatever_name() {
    let relay = TestRelay::builder().token("relay-token").start().await;
    let stranger = Client::new(&relay).with("host", "evil.example");
    let health = stranger.get("/health").await;
    assert_eq!((health.status, health.text.as_str()), (200, "ok"));
    let ready = stranger.get("/ready").await;
    assert_eq!((ready.status, ready.text.as_str()), (200, "ready"));
    assert_eq!(stranger.get("/").await.refusal(), (403, "forbidden_host".into()));
}

#[tokio::test]
async fn a_preflight_is_answered_for_allowed_origins_only() {
    let relay = TestRelay::builder()
        .config(|config| {
            let get = |name: &str| {
                (name == "AGENT_RELAY_CORS_ORIGINS").then(|| "https://app.example".to_owned())
            };
            config.cors = relay_server::Config::from_env(&get).unwrap().cors;
        })
        .start()
        .await;
    let ask = |origin: &str| {
        let client = Client::new(&relay)
            .with("origin", origin)
            .with("access-control-request-method", "POST")
            .with("access-control-request-private-network", "true");
        async move { client.send(Method::OPTIONS, "/api/messages", None).await }
    };
    let allowed = ask("https://app.example").await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://app.example");
    assert!(allowed.header("access-control-allow-headers").contains("authorization"));
    let refused = ask("https://evil.example").await;
    assert_eq!(refused.refusal(), (403, "forbidden_origin".into()));
    assert!(refused.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
    let page = Client::new(&relay).with("origin", "https://app.example");
    let read = page.with("sec-fetch-site", "cross-site").get("/api/agents").await;
    assert_eq!((read.status, read.header("vary")), (200, "origin"));
    assert_eq!(read.header("access-control-allow-origin"), "https://app.example");
    let missing = page.get("/api/agents/nobody").await;
    assert_eq!(missing.header("access-control-allow-origin"), "https://app.example");
}

#[tokio::test]
async fn every_answer_says_how_browsers_must_take_it() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    for path in ["/api/agents", "/api/nope", "/", "/health", "/api/openapi.json", "/nope"] {
        let answer = client.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert!(answer.header("content-security-policy").contains("default-src 'self'"), "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert_eq!(
            answer.header("cache-control") == "no-store",
            path.starts_with("/api"),
            "{path}"
        );
    }
    let link = client.with("sec-fetch-site", "cross-site").get("/").await;
    assert_eq!((link.status, link.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(link.text.contains("/api/openapi.json"));
}

#[tokio::test]
async fn nothing_changes_by_get_and_no_header_overrides_the_method() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    client.register("a", json!({})).await;
    client.register("b", json!({})).await;
    let id = client.post("/api/messages", work("a", "b")).await.expect(201)["id"].clone();
    let claim = client.get(&format!("/api/messages/{id}/claim?agentId=b")).await;
    assert_eq!(
        (claim.refusal(), claim.header("allow")),
        ((405, "method_not_allowed".into()), "POST")
    );
    let delete = client
        .with("x-http-method-override", "DELETE")
        .post(&format!("/api/messages/{id}"), json!({}))
        .await;
    assert_eq!(delete.refusal(), (405, "method_not_allowed".into()));
    assert_eq!(client.delete("/api/messages").await.header("allow"), "POST, GET, HEAD");
}
