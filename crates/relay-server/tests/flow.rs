//! Streams that are cut at random bytes while messages flow and the relay restarts: what each of
//! them got is what is stored for it.

mod common;

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{Client, Stream};
use http::Method;
use relay_server::testing::TestRelay;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
};

const STREAMS: usize = 20;
const MESSAGES: usize = 5_000;
const SENDERS: usize = 10;
const END: &str = "that was all";

/// Random numbers that a seed repeats.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// Prints the seed of a run that failed.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {}", self.0);
        }
    }
}

/// Passes bytes on, and cuts every connection after a random number of them, inside a frame or not.
async fn cutter(relay: SocketAddr, seed: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut dice = Dice(seed | 1);
        while let Ok((client, _)) = listener.accept().await {
            let most = 200 + dice.below(60_000);
            if let Ok(server) = TcpStream::connect(relay).await {
                tokio::spawn(pass(client, server, most));
            }
        }
    });
    address
}

async fn pass(client: TcpStream, server: TcpStream, most: u64) {
    let (mut from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let mut limited = from_server.take(most);
    tokio::select! {
        _ = copy(&mut from_client, &mut to_server) => {}
        _ = copy(&mut limited, &mut to_client) => {}
    }
    // A connection may be gone already.
    let _ = to_client.shutdown().await;
}

/// Follows an agent's mail over all cuts, from its cursor, until the end is said.
async fn follow(agent: String, proxy: SocketAddr, cuts: Arc<AtomicUsize>) -> Vec<i64> {
    let (mut got, mut cursor) = (Vec::new(), 0);
    loop {
        let path = format!("/api/events?for={agent}");
        let client = Client::at(proxy).with("last-event-id", &cursor.to_string());
        let opened = client.try_open(Method::GET, &path, None).await;
        if let Some(response) = opened.filter(|response| response.status() == 200) {
            let mut stream = Stream::new(response);
            while let Some(frame) = stream.next().await {
                cursor = frame.id;
                if frame.event != "message.new" {
                    continue;
                }
                got.push(frame.data["message"]["id"].as_i64().unwrap());
                if frame.data["message"]["body"] == END {
                    return got;
                }
            }
        }
        cuts.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Sends once, however often it takes.
async fn send(client: &Client, key: usize, to: &str, body: &str) {
    let message =
        json!({"from": "boss", "to": to, "body": body, "idempotencyKey": format!("k{key}")});
    loop {
        let opened =
            client.try_open(Method::POST, "/api/messages", Some(message.to_string())).await;
        match opened.map(|response| response.status().as_u16()) {
            Some(200 | 201) => return,
            Some(503) | None => tokio::time::sleep(Duration::from_millis(2)).await,
            Some(status) => panic!("{status}"),
        }
    }
}

/// Everything that is stored for an agent, in order.
async fn stored(client: &Client, agent: &str) -> Vec<i64> {
    let mut ids: Vec<i64> = Vec::new();
    loop {
        let since = ids.last().copied().unwrap_or(0);
        let path = format!("/api/messages?for={agent}&since={since}&limit=500");
        let page = client.get(&path).await.expect(200);
        let page: Vec<_> =
            page.as_array().unwrap().iter().map(|m| m["id"].as_i64().unwrap()).collect();
        if page.is_empty() {
            return ids;
        }
        ids.extend(page);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stream_got_over_cuts_and_restarts_is_what_is_stored() {
    let seed = Seed(RandomState::new().build_hasher().finish() | 1);
    let mut dice = Dice(seed.0);
    let mut relay = TestRelay::builder().limits(|limits| limits.mailbox_events = 16).start().await;
    let client = Client::new(&relay);
    client.register("boss", json!({})).await;
    let (mut followers, cuts) = (Vec::new(), Arc::new(AtomicUsize::new(0)));
    for i in 0..STREAMS {
        let agent = format!("a{i}");
        client.register(&agent, json!({"tags": [format!("t{}", i % 4)], "label": "all"})).await;
        let proxy = cutter(relay.address(), dice.below(u64::MAX)).await;
        followers.push(tokio::spawn(follow(agent, proxy, Arc::clone(&cuts))));
    }
    let sent = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (client, sent, mut dice) =
                (client.clone(), Arc::clone(&sent), Dice(dice.below(u64::MAX) | 1));
            tokio::spawn(async move {
                for n in (sender..MESSAGES).step_by(SENDERS) {
                    let to = match dice.below(20) {
                        0 => "broadcast".to_owned(),
                        1 => "label:ALL".to_owned(),
                        2..=5 => format!("tag:t{}", dice.below(4)),
                        _ => format!("a{}", dice.below(STREAMS as u64)),
                    };
                    let body = "x".repeat(dice.below(400) as usize + 1);
                    send(&client, n, &to, &body).await;
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for third in 1..=2 {
        let enough = MESSAGES * third / 3;
        while sent.load(Ordering::Relaxed) < enough {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        relay.restart().await;
    }
    for sender in senders {
        sender.await.unwrap();
    }
    send(&client, MESSAGES, "broadcast", END).await;
    for (i, follower) in followers.into_iter().enumerate() {
        let got = follower.await.unwrap();
        assert_eq!(got, stored(&client, &format!("a{i}")).await, "a{i}");
    }
    let total = client.get("/api/stats").await.expect(200)["messages"]["total"].clone();
    assert_eq!(total, Value::from(MESSAGES + 1));
    assert!(cuts.load(Ordering::Relaxed) > STREAMS * 5, "{cuts:?} cuts are too few to tell");
}
