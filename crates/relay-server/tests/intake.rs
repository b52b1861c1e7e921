//! Many report the same at once: every report is counted once, each time something begins there is
//! one task with one message, and what two sources report never becomes one.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use bytes::Bytes;
use common::Client;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use relay_server::testing::TestRelay;
use serde_json::{Value, json};
use tokio::net::TcpStream;

const POSTERS: usize = 32;
const SOURCES: [(&str, &str); 2] =
    [("ops", "ops-token-0123456789"), ("desk", "desk-token-0123456789")];
/// A poster says so often that it is over.
const RESOLVED_EVERY: usize = 25;

#[expect(clippy::disallowed_methods, reason = "the switch between the short and the long run")]
fn events_of_each() -> usize {
    if std::env::var("RELAY_TEST_FULL").is_ok_and(|full| full == "1") { 1_000 } else { 150 }
}

/// One sender of events, on a connection that stays.
struct Poster {
    connection: SendRequest<Full<Bytes>>,
    source: usize,
    address: SocketAddr,
}

impl Poster {
    async fn connect(address: SocketAddr, source: usize) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (connection, driving) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(async move {
            // It ends with the relay or the test.
            let _ = driving.await;
        });
        Self { connection, source, address }
    }

    async fn post(&mut self, event: &Value) -> (u16, Value) {
        let request = http::Request::post("/api/integrations/events")
            .header("host", self.address.to_string())
            .header("authorization", format!("Bearer {}", SOURCES[self.source].1))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(event.to_string())))
            .unwrap();
        let answer = self.connection.send_request(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Posts its share, and tells what became of it.
    async fn work(mut self, events: usize) -> Tally {
        let alarm = json!({
            "type": "alarm", "severity": "error", "dedupeKey": "the same", "title": "Disk full",
            "body": "again", "target": "cap:ops",
        });
        let over = json!({ "type": "alarm", "dedupeKey": "the same", "status": "resolved" });
        let mut tally = Tally::default();
        for n in 0..events {
            if n % RESOLVED_EVERY == RESOLVED_EVERY - 1 {
                match self.post(&over).await {
                    (200, task) => assert_eq!(task["status"], "done", "{task}"),
                    (status, answer) => assert_eq!(status, 404, "{answer}"),
                }
                continue;
            }
            let (status, task) = self.post(&alarm).await;
            assert_eq!(task["source"], SOURCES[self.source].0, "{task}");
            let id = task["id"].as_i64().unwrap();
            let count = task["occurrenceCount"].as_i64().unwrap();
            match status {
                201 => assert!(count == 1 && tally.opened.insert(id), "{task}"),
                200 => assert!(count > 1, "{task}"),
                _ => panic!("{status} {task}"),
            }
            assert!(tally.counts.entry(id).or_default().insert(count), "counted twice: {task}");
        }
        tally
    }
}

/// The tasks that were opened, and which numbers each task's reports were given.
#[derive(Default)]
struct Tally {
    opened: BTreeSet<i64>,
    counts: BTreeMap<i64, BTreeSet<i64>>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        for id in other.opened {
            assert!(self.opened.insert(id), "task {id} was opened twice");
        }
        for (id, counts) in other.counts {
            for count in counts {
                let new = self.counts.entry(id).or_default().insert(count);
                assert!(new, "two reports of task {id} are its number {count}");
            }
        }
    }
}

/// Everything that a list holds, page by page, oldest first.
async fn all(client: &Client, path: &str) -> Vec<Value> {
    let mut items: Vec<Value> = Vec::new();
    loop {
        let before = items.first().map(|item| format!("&before={}", item["id"]));
        let page = client.get(&format!("{path}&limit=500{}", before.unwrap_or_default())).await;
        let page: Vec<Value> = page.expect(200).as_array().unwrap().clone();
        if page.is_empty() {
            return items;
        }
        items.splice(0..0, page);
    }
}

async fn check(client: &Client, source: &str, tally: &Tally) {
    let tasks = all(client, &format!("/api/tasks?source={source}")).await;
    let ids: BTreeSet<i64> = tasks.iter().map(|task| task["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, tally.opened, "one task for each 201");
    let mut ended = 0;
    for (place, task) in tasks.iter().enumerate() {
        let id = task["id"].as_i64().unwrap();
        let count = task["occurrenceCount"].as_i64().unwrap();
        let counted: Vec<i64> = tally.counts[&id].iter().copied().collect();
        assert_eq!(counted, (1..=count).collect::<Vec<_>>(), "task {id}");
        assert!(id > ended, "task {id} began while the one before was active");
        let last = place == tasks.len() - 1;
        assert!(last || task["status"] == "done", "two are active: {task}");
        if task["status"] == "done" {
            let path = format!("/api/tasks/{id}/events");
            let history = client.get(&path).await.expect(200);
            let end = history.as_array().unwrap().last().unwrap().clone();
            assert_eq!(end["type"], "done");
            ended = end["id"].as_i64().unwrap();
        }
    }
    let messages = all(client, &format!("/api/messages?from={source}&claimable=true")).await;
    let announced: Vec<&Value> = messages.iter().map(|message| &message["taskId"]).collect();
    let expected: Vec<&Value> = tasks.iter().map(|task| &task["id"]).collect();
    assert_eq!(announced, expected, "one message for each task");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_posters_of_one_key_are_counted_exactly_and_sources_never_merge() {
    let integration = |(name, token): (&str, &str)| json!({ "name": name, "token": token, "scopes": ["tasks:create"], "targets": ["cap:ops"] });
    let relay = TestRelay::builder()
        .integrations(&SOURCES.map(integration).as_slice().into())
        .config(|config| config.events_per_minute = 1_000_000)
        .start()
        .await;
    let mut running = Vec::new();
    for n in 0..POSTERS {
        let source = n % SOURCES.len();
        let poster = Poster::connect(relay.address(), source).await;
        running.push((source, tokio::spawn(poster.work(events_of_each()))));
    }
    let mut tallies = [Tally::default(), Tally::default()];
    for (source, poster) in running {
        tallies[source].add(poster.await.unwrap());
    }
    let client = Client::new(&relay);
    for ((source, _), tally) in SOURCES.iter().zip(&tallies) {
        assert!(tally.opened.len() > 1, "cycles ended and began");
        check(&client, source, tally).await;
    }
    let reports: usize =
        tallies.iter().flat_map(|tally| tally.counts.values()).map(BTreeSet::len).sum();
    let resolved = events_of_each() / RESOLVED_EVERY;
    assert_eq!(reports, POSTERS * (events_of_each() - resolved), "none was lost");
}
