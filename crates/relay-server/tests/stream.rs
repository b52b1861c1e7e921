//! The stream: what comes, in which order, from where it resumes, and when it ends.

mod common;

use std::time::Duration;

use common::{Client, Stream, mail, work};
use http::Method;
use relay_server::testing::TestRelay;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

async fn two() -> (TestRelay, Client) {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    client.register("a", json!({})).await;
    client.register("b", json!({})).await;
    (relay, client)
}

async fn send(client: &Client, to: &str) -> i64 {
    client.post("/api/messages", mail("a", to, "hi")).await.expect(201)["id"].as_i64().unwrap()
}

async fn new_mail(stream: &mut Stream) -> i64 {
    let frame = stream.expect("message.new").await;
    assert_eq!(frame.data["message"]["id"], json!(frame.id), "a message is its own event");
    frame.id
}

#[tokio::test]
async fn a_stream_begins_with_hello_and_goes_on_with_what_happens() {
    let (_relay, client) = two().await;
    let seq = client.get("/api/messages/cursor").await.expect(200)["seq"].clone();
    let response = client.open(Method::GET, "/api/events?for=b", None).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = Stream::new(response);
    let hello = stream.block().await.unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        hello,
        format!(
            "id: {seq}\nevent: hello\nretry: 2000\ndata: {{\"cursor\":{seq},\"version\":\"{version}\"}}"
        )
    );
    send(&client, "a").await;
    let sent = send(&client, "b").await;
    assert_eq!(new_mail(&mut stream).await, sent, "a's mail is not b's");
    let job = client.post("/api/messages", work("a", "b")).await.expect(201)["id"].clone();
    stream.expect("message.new").await;
    client.post(&format!("/api/messages/{job}/claim"), json!({"agentId": "b"})).await.expect(200);
    let claimed = stream.expect("message.claimed").await;
    assert_eq!((&claimed.data["by"], &claimed.data["seq"]), (&json!("b"), &json!(claimed.id)));
    assert_eq!(claimed.data["message"]["claim"]["by"], "b");
}

#[tokio::test]
async fn a_stream_resumes_after_its_cursor() {
    let (_relay, client) = two().await;
    let start = client.get("/api/messages/cursor").await.expect(200)["seq"].as_i64().unwrap();
    let sent = [send(&client, "b").await, send(&client, "b").await, send(&client, "b").await];
    let after = |stream: Stream| async move {
        let mut stream = stream;
        stream.expect("hello").await;
        let mut got = vec![new_mail(&mut stream).await];
        while got.last() != Some(&sent[2]) {
            got.push(new_mail(&mut stream).await);
        }
        got
    };
    let since = |cursor: i64| format!("/api/events?for=b&since={cursor}");
    assert_eq!(after(client.stream(&since(sent[0])).await).await, sent[1..]);
    assert_eq!(after(client.stream(&since(start)).await).await, sent);
    let header = client.with("last-event-id", &sent[1].to_string());
    assert_eq!(after(header.stream(&since(0)).await).await, sent[2..], "the header wins");
    let empty = client.with("last-event-id", "");
    assert_eq!(after(empty.stream(&since(sent[1])).await).await, sent[2..], "empty says none");
}

#[tokio::test]
async fn what_is_no_cursor_and_no_reader_is_refused() {
    let (_relay, client) = two().await;
    for cursor in
        ["abc", "1 OR 1=1", "-1", "+1", "01", "1.5", "9223372036854775808", &"9".repeat(500)]
    {
        let header = client.with("last-event-id", cursor).get("/api/events?for=b").await;
        assert_eq!(header.refusal(), (400, "invalid_cursor".into()), "{cursor}");
    }
    assert_eq!(client.get("/api/events?since=x").await.refusal(), (400, "invalid_cursor".into()));
    assert_eq!(client.get("/api/events?for=ghost").await.refusal(), (404, "not_found".into()));
    assert_eq!(
        client.get("/api/events?for=a&for=b").await.refusal(),
        (400, "invalid_field".into())
    );
    assert_eq!(client.get("/api/events?after=1").await.refusal(), (400, "unknown_field".into()));
    assert_eq!(
        client.post("/api/events", json!({})).await.refusal(),
        (405, "method_not_allowed".into())
    );
}

#[tokio::test]
async fn a_cursor_from_the_future_is_quiet() {
    let (_relay, client) = two().await;
    let mut ahead = client.stream(&format!("/api/events?for=b&since={}", i64::MAX)).await;
    assert_eq!(ahead.expect("hello").await.id, i64::MAX);
    let next = client.get("/api/messages/cursor").await.expect(200)["seq"].as_i64().unwrap() + 1;
    let mut near = client.stream(&format!("/api/events?for=b&since={next}")).await;
    near.expect("hello").await;
    assert_eq!(send(&client, "b").await, next);
    let later = send(&client, "b").await;
    assert_eq!(new_mail(&mut near).await, later);
}

#[tokio::test]
async fn label_mail_reaches_a_later_holder_though_its_cursor_is_past_it() {
    let (_relay, client) = two().await;
    let waiting = send(&client, "label:Night Shift").await;
    let job = client.post("/api/messages", work("a", "tag:ops")).await.expect(201)["id"].clone();
    let mut stream = client.stream("/api/events?for=b").await;
    assert!(stream.expect("hello").await.id > waiting);
    let change = json!({"label": "night shift", "tags": ["ops"]});
    client.patch("/api/agents/b", change).await.expect(200);
    let mut offered = Vec::new();
    while offered.len() < 2 {
        let frame = stream.next().await.unwrap();
        if frame.event == "message.new" {
            assert_eq!(frame.data["addressedTo"], "b");
            assert!(frame.id > waiting);
            offered.push(frame.data["message"]["id"].clone());
        }
    }
    offered.sort_by_key(serde_json::Value::as_i64);
    assert_eq!(offered, [json!(waiting), job]);
    assert_eq!(send(&client, "label:NIGHT SHIFT").await, new_mail(&mut stream).await);
}

#[tokio::test]
async fn the_operator_has_mail_and_a_stream_without_registering() {
    let (_relay, client) = two().await;
    let missed = send(&client, "human").await;
    let mut stream = client.stream(&format!("/api/events?for=human&since={}", missed - 1)).await;
    stream.expect("hello").await;
    assert_eq!(new_mail(&mut stream).await, missed);
    send(&client, "broadcast").await;
    let sent = send(&client, "id:Human").await;
    assert_eq!(new_mail(&mut stream).await, sent, "a person is in no group");
    let inbox = client.get("/api/messages?for=human&unread=true").await.expect(200);
    assert_eq!(inbox.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn pruned_events_are_announced() {
    let (relay, client) = two().await;
    let old = send(&client, "b").await;
    relay.clock().advance(Duration::from_hours(24 * 31));
    for agent in ["a", "b"] {
        client.post(&format!("/api/agents/{agent}/heartbeat"), json!({})).await.expect(200);
    }
    let kept = send(&client, "b").await;
    relay.retain().await;
    let mut stream = client.stream("/api/events?for=b&since=1").await;
    assert_eq!(stream.expect("hello").await.id, 1);
    let gap = stream.expect("gap").await;
    assert_eq!(gap.data, json!({"from": 2, "to": gap.id}));
    assert!(gap.id >= old && gap.id < kept);
    assert_eq!(new_mail(&mut stream).await, kept);
    let mut unharmed = client.stream(&format!("/api/events?for=b&since={}", gap.id)).await;
    unharmed.expect("hello").await;
    assert_eq!(new_mail(&mut unharmed).await, kept, "a cursor at the edge has no gap");
    assert_eq!(relay.app().metrics.gaps.get(), 1);
}

#[tokio::test]
async fn an_agents_own_stream_also_shows_who_comes_and_goes() {
    let (_relay, client) = two().await;
    let c = client.register("c", json!({})).await;
    let mut own = c.http.stream("/api/events").await;
    own.expect("hello").await;
    let mut mail_only = c.http.stream("/api/events?for=c").await;
    mail_only.expect("hello").await;
    send(&client, "b").await;
    client.register("d", json!({})).await;
    let sent = send(&client, "c").await;
    assert_eq!(own.expect("agent.registered").await.data["agent"]["id"], "d");
    assert_eq!(new_mail(&mut own).await, sent);
    assert_eq!(new_mail(&mut mail_only).await, sent);
    client.delete("/api/agents/c").await;
    own.expect("agent.removed").await;
    assert_eq!(own.next().await, None, "its token ended with it");
}

#[tokio::test]
async fn a_quiet_stream_says_that_it_lives() {
    let relay = TestRelay::builder()
        .limits(|limits| limits.keep_alive = Duration::from_millis(20))
        .start()
        .await;
    let mut stream = Client::new(&relay).stream("/api/events").await;
    stream.expect("hello").await;
    for _ in 0..3 {
        assert_eq!(stream.block().await.unwrap(), ": keep-alive");
    }
}

#[tokio::test]
async fn an_expired_token_loses_its_stream() {
    let relay = TestRelay::builder()
        .limits(|limits| limits.keep_alive = Duration::from_millis(20))
        .start()
        .await;
    let client = Client::new(&relay);
    let made = json!({"name": "x", "scopes": ["events:read"], "expiresInMs": 60_000});
    let made = client.post("/api/tokens", made).await.expect(201);
    let mut stream = client.token(made["token"].as_str().unwrap()).stream("/api/events").await;
    stream.expect("hello").await;
    relay.clock().advance(Duration::from_secs(61));
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_stream_that_falls_behind_reads_on_from_the_log() {
    let relay = TestRelay::builder().limits(|limits| limits.mailbox_events = 1).start().await;
    let client = Client::new(&relay);
    client.register("a", json!({})).await;
    client.register("b", json!({})).await;
    let mut stream = client.stream("/api/events?for=b").await;
    stream.expect("hello").await;
    let sends = (0..100).map(|_| send(&client, "b"));
    let mut sent = futures_util::future::join_all(sends).await;
    sent.sort_unstable();
    for id in sent {
        assert_eq!(new_mail(&mut stream).await, id);
    }
    assert!(relay.app().metrics.lagged.get() > 0, "a mailbox for one event overflows");
}

#[tokio::test]
async fn head_answers_at_once_and_opens_no_stream() {
    let (relay, client) = two().await;
    let head = client.send(Method::HEAD, "/api/events?for=b", None).await;
    assert_eq!((head.status, head.header("content-type")), (200, "text/event-stream"));
    assert_eq!(relay.app().streams.count(), 0);
}

#[tokio::test]
async fn an_old_client_gets_no_chunks() {
    let (relay, client) = two().await;
    let mut socket = TcpStream::connect(relay.address()).await.unwrap();
    let request = format!("GET /api/events?for=b HTTP/1.0\r\nHost: {}\r\n\r\n", relay.address());
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    while !text.contains("\n\n") {
        let mut buffer = [0; 1024];
        let read = socket.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
    assert!(body.starts_with("id: "), "{body}");
    drop(socket);
    send(&client, "b").await;
    common::until("the stream is gone with its reader", || relay.app().streams.count() == 0).await;
}
