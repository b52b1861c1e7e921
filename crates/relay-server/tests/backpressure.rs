//! Readers who do not read: they cost the others nothing, memory stays bounded, and they are let go.

mod common;

use std::time::Duration;

use common::{Client, Stream, mail};
use relay_server::testing::TestRelay;
use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
};

const STALLED: usize = 50;
const HEALTHY: usize = 10;
const MESSAGES: usize = 1_000;
const MAILBOX: usize = 64 * 1024;

/// Asks for everything and reads nothing.
async fn stalled(relay: &TestRelay) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(relay.address()).await.unwrap();
    stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    stream
}

/// How much memory this process has, where the system says so.
fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<usize>().ok().map(|kib| kib * 1024)
}

async fn read_all(mut stream: Stream) -> Vec<i64> {
    let mut ids = Vec::new();
    stream.expect("hello").await;
    while ids.len() < MESSAGES {
        ids.push(stream.expect("message.new").await.id);
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_readers_cost_nothing_and_are_let_go() {
    let relay = TestRelay::builder()
        .limits(|limits| {
            limits.mailbox_bytes = MAILBOX;
            limits.stall_timeout = Duration::from_secs(1);
        })
        .start()
        .await;
    let client = Client::new(&relay);
    client.register("a", json!({})).await;
    client.register("b", json!({})).await;
    let mut sockets = Vec::new();
    for _ in 0..STALLED {
        sockets.push(stalled(&relay).await);
    }
    let mut healthy = Vec::new();
    for i in 0..HEALTHY {
        let path = if i % 2 == 0 { "/api/events" } else { "/api/events?for=b" };
        healthy.push(tokio::spawn(read_all(client.stream(path).await)));
    }
    let app = relay.app().clone();
    common::until("all listen", || app.streams.count() == STALLED + HEALTHY).await;
    let before = resident_bytes();
    let (mut sent, mut most_buffered) = (Vec::new(), 0);
    let body = "x".repeat(4096);
    for _ in 0..MESSAGES / 20 {
        let sends = (0..20).map(|_| client.post("/api/messages", mail("a", "b", &body)));
        for answer in futures_util::future::join_all(sends).await {
            sent.push(answer.expect(201)["id"].as_i64().unwrap());
        }
        most_buffered = most_buffered.max(app.fanout.buffered_bytes());
    }
    sent.sort_unstable();
    for reader in healthy {
        assert_eq!(reader.await.unwrap(), sent);
    }
    assert!(most_buffered <= (STALLED + HEALTHY) * MAILBOX, "{most_buffered}");
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        assert!(after < before + (64 << 20), "{before} bytes grew to {after}");
    }
    common::until("the stalled are let go", || app.streams.count() == 0).await;
    assert_eq!(app.fanout.buffered_bytes(), 0);
    assert!(app.metrics.lagged.get() >= STALLED as u64, "the mailboxes did overflow");
    drop(sockets);
}
