//! SIGTERM: every acknowledged write is safe, every stream is told, the process is gone in time.
#![cfg(unix)]

mod support;

use std::{
    collections::BTreeSet,
    sync::mpsc::{Sender, channel},
    thread,
    time::Duration,
};

use serde_json::json;
use support::{Home, PATIENCE, Relay, http::Connection};

const STREAMS: usize = 100;
const WRITERS: usize = 8;
/// So many messages were acknowledged when the signal comes.
const BEFORE: usize = 200;
const DEADLINE: Duration = Duration::from_secs(5);

#[test]
fn a_relay_that_is_told_to_stop_loses_nothing_and_tells_everybody() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let port = relay.port();
    let streams: Vec<_> =
        (0..STREAMS).map(|_| Connection::stream(port, "/api/events").unwrap()).collect();
    Connection::open(port).unwrap().register("writer");
    let (sent, arrived) = channel();
    let sent = &sent;
    let (acknowledged, told, took, ended) = thread::scope(|scope| {
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || write(port, writer, sent))).collect();
        let readers: Vec<_> =
            streams.into_iter().map(|stream| scope.spawn(|| stream.rest().unwrap())).collect();
        for _ in 0..BEFORE {
            arrived.recv_timeout(PATIENCE).expect("there is load");
        }
        let start = tokio::time::Instant::now();
        relay.server.signal("TERM");
        let ended = relay.server.end();
        let took = start.elapsed();
        let acknowledged: BTreeSet<String> =
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        let told = readers.into_iter().map(|r| r.join().unwrap());
        let told = told.filter(|text| text.contains("event: server.shutdown")).count();
        (acknowledged, told, took, ended)
    });
    assert_eq!(ended.0, Some(0), "{}", ended.1);
    assert!(took < DEADLINE, "{took:?}");
    assert_eq!(told, STREAMS, "every stream is told");

    let relay = Relay::start(&home);
    let stored = Connection::open(relay.port()).unwrap().messages(0);
    let stored: BTreeSet<String> = stored.into_values().collect();
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

/// Sends until the relay stops, and notes what was acknowledged.
fn write(port: u16, writer: usize, sent: &Sender<()>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut connection = Connection::open(port).unwrap();
    for number in 0.. {
        let text = format!("{writer}/{number}");
        let message = json!({"from": "writer", "to": "human", "body": text});
        match connection.post("/api/messages", &message) {
            Ok(answer) if answer.status == 201 => acknowledged.push(text),
            _ => break,
        }
        let _ = sent.send(());
    }
    acknowledged
}

#[test]
fn a_second_signal_does_not_wait() {
    let home = Home::new();
    let relay = Relay::start(&home);
    // A request whose body never comes keeps a polite relay waiting.
    let slow = Connection::expecting(relay.port(), "/api/messages").unwrap();
    relay.server.signal("INT");
    relay.server.talk_with("stopping");
    relay.server.signal("INT");
    assert_eq!(relay.server.end().0, Some(130));
    drop(slow);
}
