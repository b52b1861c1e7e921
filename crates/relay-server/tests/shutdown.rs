//! Stopping: streams are told, what was acknowledged is there, and it does not take long.

mod common;

use std::time::Duration;

use common::{Client, mail};
use futures_util::future::join_all;
use http_body_util::BodyExt as _;
use relay_server::{Config, testing::TestRelay};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
    time::Instant,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stream_is_told_and_every_acknowledged_message_is_there() {
    let mut relay = TestRelay::start().await;
    let client = Client::new(&relay);
    client.register("a", json!({})).await;
    client.register("b", json!({})).await;
    let streams = join_all((0..200).map(|_| client.stream("/api/events"))).await;
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                let body = || Some(mail("a", "b", "x").to_string());
                while let Some(answer) =
                    client.try_open(http::Method::POST, "/api/messages", body()).await
                {
                    if answer.status() != 201 {
                        assert_eq!(answer.status(), 503);
                        break;
                    }
                    let Ok(bytes) = answer.into_body().collect().await else { break };
                    let sent: serde_json::Value =
                        serde_json::from_slice(&bytes.to_bytes()).unwrap();
                    acknowledged.push(sent["id"].as_i64().unwrap());
                }
                acknowledged
            })
        })
        .collect();
    let app = relay.app().clone();
    common::until("some are stored", || app.store.head().0 > 50).await;
    let poll = {
        let client = client.clone();
        tokio::spawn(
            async move { client.get("/api/messages?for=a&unread=true&wait=60").await.status },
        )
    };
    let started = Instant::now();
    relay.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    for mut stream in streams {
        let mut last = stream.expect("hello").await;
        while let Some(frame) = stream.next().await {
            assert!(frame.id >= last.id);
            last = frame;
        }
        assert_eq!(
            (last.event.as_str(), &last.data["name"]),
            ("server.shutdown", &json!("server.shutdown"))
        );
    }
    // The poll may have come too late for its connection to be taken.
    let _ = poll.await;

    relay.start_again().await;
    for acknowledged in join_all(senders).await {
        for id in acknowledged.unwrap() {
            assert_eq!(client.get(&format!("/api/messages/{id}")).await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_relay_that_goes_says_so_first_and_serves_on() {
    let delay = |config: &mut Config| config.shutdown_delay = Duration::from_hours(1);
    let mut relay = TestRelay::builder().config(delay).start().await;
    let client = Client::new(&relay);
    client.register("a", json!({})).await;
    client.register("b", json!({})).await;
    let mut stream = client.stream("/api/events?for=a").await;
    stream.expect("hello").await;
    assert_eq!(client.get("/ready").await.status, 200);
    let app = relay.app().clone();
    let leaving = tokio::spawn(async move { app.leave().await });
    common::until("it leaves", || relay.app().is_leaving()).await;
    assert_eq!(client.get("/ready").await.status, 503);
    client.post("/api/messages", mail("b", "a", "still here")).await.expect(201);
    assert_eq!(stream.expect("message.new").await.data["message"]["body"], "still here");
    assert!(!leaving.is_finished(), "an hour is not over");
    leaving.abort();
    relay.stop().await;
}

#[tokio::test]
async fn a_long_poll_ends_with_the_relay() {
    let mut relay = TestRelay::start().await;
    let client = Client::new(&relay);
    client.register("a", json!({})).await;
    let poll = tokio::spawn(async move { client.get("/api/messages?for=a&wait=60").await });
    let app = relay.app().clone();
    common::until("somebody waits", || app.fanout.listeners() == 1).await;
    relay.stop().await;
    assert_eq!(poll.await.unwrap().expect(200), json!([]));
}

#[tokio::test]
async fn half_a_request_holds_nothing_up() {
    let mut relay = TestRelay::builder()
        .limits(|limits| limits.drain = Duration::from_millis(200))
        .start()
        .await;
    let mut half = TcpStream::connect(relay.address()).await.unwrap();
    half.write_all(b"POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{").await.unwrap();
    let silent = TcpStream::connect(relay.address()).await.unwrap();
    Client::new(&relay).get("/health").await;
    let started = Instant::now();
    relay.stop().await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    drop((half, silent));
}

#[tokio::test]
async fn a_reader_who_does_not_read_holds_nothing_up() {
    let mut relay = TestRelay::start().await;
    let client = Client::new(&relay);
    client.register("a", json!({})).await;
    client.register("b", json!({})).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stalled = socket.connect(relay.address()).await.unwrap();
    stalled.write_all(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let body = "x".repeat(60_000);
    let app = relay.app().clone();
    common::until("it listens", || app.fanout.listeners() == 1).await;
    for _ in 0..200 {
        client.post("/api/messages", mail("a", "b", &body)).await.expect(201);
    }
    assert!(app.metrics.lagged.get() > 0, "twelve megabytes fill every buffer on the way");
    let started = Instant::now();
    relay.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop(stalled);
}

#[tokio::test]
async fn agents_and_streams_go_on_after_a_restart() {
    let mut relay = TestRelay::start().await;
    let client = Client::new(&relay);
    let a = client.register("a", json!({"label": "Bee"})).await;
    client.register("b", json!({})).await;
    let mut stream = client.stream("/api/events?for=a").await;
    stream.expect("hello").await;
    let last = client.post("/api/messages", mail("b", "label:bee", "one")).await.expect(201);
    relay.restart().await;
    assert_eq!(stream.expect("message.new").await.data["message"]["id"], last["id"]);
    let goodbye = stream.expect("server.shutdown").await;
    assert_eq!(json!(goodbye.id), last["id"]);
    let resumed = a.http.with("last-event-id", &goodbye.id.to_string());
    let mut stream = resumed.stream("/api/events?for=a").await;
    stream.expect("hello").await;
    let next = client.post("/api/messages", mail("b", "label:bee", "two")).await.expect(201);
    assert_eq!(stream.expect("message.new").await.data["message"]["id"], next["id"]);
}
