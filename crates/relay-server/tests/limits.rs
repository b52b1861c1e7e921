//! Bounds: of requests, of time, of streams and of connections.

mod common;

use std::time::Duration;

use common::{Client, mail};
use http::Method;
use relay_server::testing::TestRelay;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const SOON: Duration = Duration::from_millis(150);

/// Sends bytes and reads until the relay closes the connection.
async fn raw(relay: &TestRelay, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(relay.address()).await.unwrap();
    // The relay may have refused and closed before all was sent.
    let _ = socket.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("closed")
}

async fn hasty() -> TestRelay {
    TestRelay::builder()
        .limits(|limits| {
            limits.header_timeout = SOON;
            limits.body_timeout = SOON;
        })
        .start()
        .await
}

#[tokio::test]
async fn a_body_past_one_mebibyte_is_refused_however_it_comes() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    let long = mail("a", "b", &"x".repeat(1 << 20)).to_string();
    let whole = client.send(Method::POST, "/api/messages", Some(long)).await;
    assert_eq!(whole.refusal(), (413, "body_too_large".into()));
    let mut chunked = b"POST /api/messages HTTP/1.1\r\nHost: localhost\r\n\
        Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        .to_vec();
    for _ in 0..200 {
        chunked.extend_from_slice(b"2000\r\n");
        chunked.extend_from_slice(&[b'y'; 0x2000]);
        chunked.extend_from_slice(b"\r\n");
    }
    let answer = raw(&relay, &chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
    assert_eq!(client.get("/api/messages").await.expect(200), json!([]));
}

#[tokio::test]
async fn whoever_says_nothing_or_too_little_is_let_go() {
    let relay = hasty().await;
    assert_eq!(raw(&relay, b"").await, "", "a silent connection is closed");
    let slow = raw(&relay, b"GET /api/stats HTTP/1.1\r\nHost: 127.0.0.1\r\n").await;
    assert!(matches!(status(&slow), "408" | "closed"), "{slow}");
    let half = b"POST /api/messages HTTP/1.1\r\nHost: localhost\r\n\
        Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{";
    let answer = raw(&relay, half).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
    let expecting = b"POST /api/messages HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
        Content-Type: application/json\r\nContent-Length: 50\r\n\r\n";
    let answer = raw(&relay, expecting).await;
    assert!(answer.starts_with("HTTP/1.1 100"), "{answer}");
    assert!(answer.contains("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_body_that_ends_early_is_a_bad_request() {
    let relay = TestRelay::start().await;
    let mut socket = TcpStream::connect(relay.address()).await.unwrap();
    let half = b"POST /api/messages HTTP/1.1\r\nHost: localhost\r\n\
        Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"from\":";
    socket.write_all(half).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer).await;
    assert!(matches!(status(&answer), "400" | "closed"), "{answer}");
    assert_eq!(Client::new(&relay).get("/api/stats").await.status, 200);
}

#[tokio::test]
async fn heads_are_bounded_and_well_formed() {
    let relay = hasty().await;
    let many = "X-Again: y\r\n".repeat(200);
    let big = format!("X-Big: {}\r\n", "z".repeat(64 * 1024));
    let head =
        |headers: &str| format!("GET /api/stats HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    for (request, allowed) in [
        (head(&many), &["431"][..]),
        (head(&big), &["431"]),
        (head("X-A: b\rX-Evil: 1\r\n"), &["400", "closed"]),
        (head("X-A: b\r\n folded\r\n"), &["400", "closed"]),
        (head("Host: evil.example\r\n"), &["403"]),
        (format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "u".repeat(9_000)), &["414"]),
        (format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "u".repeat(70_000)), &["414", "431"]),
        ("GET http://evil.example/api/stats HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), &["403"]),
        ("CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), &["404", "405"]),
        ("GET /api/stats\r\n\r\n".into(), &["400", "closed"]),
        ("POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n".into(), &["400"]),
        ("POST /api/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n".into(), &["400"]),
    ] {
        let answer = raw(&relay, request.as_bytes()).await;
        let shown = &request[..request.len().min(80)];
        assert!(allowed.contains(&status(&answer)), "{shown}: {answer}");
        let explained = answer.contains("{\"error\":{\"code\":\"");
        assert!(explained || answer.is_empty(), "{shown}: {answer}");
    }
    let upgrade =
        head("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
    assert_eq!(
        status(&raw(&relay, upgrade.as_bytes()).await),
        "200",
        "there is nothing to upgrade to"
    );
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let relay = hasty().await;
    let request = "GET /api/stats HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answers = raw(&relay, request.repeat(50).as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 50);
}

#[tokio::test]
async fn an_agent_has_so_many_streams_and_the_relay_so_many() {
    let relay = TestRelay::builder()
        .limits(|limits| (limits.streams, limits.streams_per_agent) = (3, 2))
        .start()
        .await;
    let client = Client::new(&relay);
    client.register("a", json!({})).await;
    let first = client.stream("/api/events?for=a").await;
    let _second = client.stream("/api/events?for=A").await;
    let refused = client.get("/api/events?for=a").await;
    assert_eq!(refused.refusal(), (429, "too_many_streams".into()));
    assert_eq!(refused.header("retry-after"), "5");
    let _third = client.stream("/api/events").await;
    assert_eq!(client.get("/api/events").await.refusal(), (429, "too_many_streams".into()));
    drop(first);
    common::until("its place is free", || relay.app().streams.count() == 2).await;
    client.stream("/api/events?for=a").await.expect("hello").await;
}

#[tokio::test]
async fn connections_past_the_bound_wait_for_their_turn() {
    let relay = TestRelay::builder()
        .limits(|limits| (limits.connections, limits.header_timeout) = (4, SOON))
        .start()
        .await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(relay.address()).await.unwrap());
    }
    drop(silent.split_off(4));
    assert_eq!(Client::new(&relay).get("/health").await.status, 200);
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    client.register("a", json!({})).await;
    client.register("b", json!({})).await;
    client.post("/api/messages", mail("a", "b", "x")).await.expect(201);
    client.get("/api/messages/7777").await;
    let mut stream = client.stream("/api/events").await;
    stream.expect("hello").await;
    let metrics = client.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        "relay_messages_accepted_total 1",
        "relay_rejected_total{code=\"not_found\"} 1",
        "relay_requests_total{route=\"SendMessage\",status=\"201\"} 1",
        "relay_streams 1",
        "relay_fanout_lag 0",
        "relay_panics_total 0",
    ] {
        assert!(metrics.text.lines().any(|l| l == line), "{line} is not in\n{}", metrics.text);
    }
    let stats = client.get("/api/stats").await.expect(200);
    assert_eq!((&stats["streams"], &stats["messages"]["total"]), (&json!(1), &json!(1)));
    assert_eq!(stats["version"], env!("CARGO_PKG_VERSION"));
    let health = client.get("/api/health").await.expect(200);
    assert_eq!(health["ok"], true, "{health}");
    assert_eq!(client.get("/api/stats/series?minutes=5").await.status, 200);
}

#[tokio::test]
async fn an_integration_posts_so_many_a_minute_and_the_others_go_on() {
    let integration = |name: &str| {
        json!({
            "name": name, "token": format!("{name}-token-0123456789"), "targets": ["cap:ops"],
            "scopes": ["tasks:write", "messages:write"],
        })
    };
    let relay = TestRelay::builder()
        .integrations(&json!([integration("ops"), integration("desk")]))
        .config(|config| config.events_per_minute = 3)
        .start()
        .await;
    let client = Client::new(&relay);
    let ops = client.token("ops-token-0123456789");
    let desk = client.token("desk-token-0123456789");
    let event = |key: &str| {
        json!({
            "type": "alarm", "severity": "info", "dedupeKey": key, "title": "t", "body": "b",
            "target": "cap:ops",
        })
    };
    let path = "/api/integrations/events";
    ops.post(path, event("k")).await.expect(201);
    ops.post(path, event("k")).await.expect(200);
    let not_allowed = json!({"title": "t", "target": "broadcast"});
    assert_eq!(ops.post("/api/tasks", not_allowed).await.code(), "forbidden_target", "it counts");
    let head = relay.app().store.head();
    for (path, body) in [
        (path, event("k")),
        (path, json!({"type": "alarm", "dedupeKey": "k", "status": "resolved"})),
        ("/api/tasks", json!({"title": "t", "target": "cap:ops"})),
        ("/api/messages", json!({"to": "cap:ops", "body": "x"})),
    ] {
        let refused = ops.post(path, body).await;
        assert_eq!(refused.refusal(), (429, "rate_limited".into()), "{path}");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=20).contains(&wait), "{wait}");
        let hint = refused.json()["error"]["hint"].to_string();
        assert!(hint.contains("AGENT_RELAY_INTEGRATION_RATE_LIMIT_PER_MINUTE"), "{hint}");
    }
    assert_eq!(relay.app().store.head(), head, "nothing was stored");
    desk.post(path, event("k")).await.expect(201);
    let metrics = client.get("/metrics").await.text;
    for line in [
        "relay_integration_events_total{integration=\"ops\",outcome=\"opened\"} 1",
        "relay_integration_events_total{integration=\"ops\",outcome=\"counted\"} 1",
        "relay_integration_events_total{integration=\"ops\",outcome=\"refused\"} 1",
        "relay_integration_events_total{integration=\"ops\",outcome=\"rate_limited\"} 3",
        "relay_integration_events_total{integration=\"desk\",outcome=\"opened\"} 1",
        "relay_tasks{status=\"open\"} 2",
        "relay_callbacks_waiting 0",
        "relay_callbacks_dead 0",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} is not in\n{metrics}");
    }
    assert!(!metrics.contains("0123456789"));
}
