//! A disk that refuses, and one that is full: nobody is told yes for what is not there, reading goes
//! on, and writing resumes by itself.
#![cfg(target_os = "linux")]

mod support;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{
    Home, Relay,
    disk::SmallDisk,
    http::{Answer, Connection},
    load::{self, Messages},
};

const SENDERS: u64 = 4;

#[test]
fn a_flush_that_fails_is_never_a_yes() {
    let trace = ["-D", "-f", "-e", "inject=fdatasync:error=EIO:when=9999", "true"];
    if !load::works("strace", &trace) {
        return load::skip("failing flushes: strace is missing or may not trace");
    }
    let whens: Vec<u64> = if load::full() { (1..=40).collect() } else { vec![1, 4, 7, 10, 25] };
    for when in whens {
        fail_flushes(when);
    }
}

/// The `when`-th flush of each thread fails; with 2 it is that of the folder after the log was made,
/// which SQLite overlooks. A connection has a thread of its own, so opening the
/// database again begins to count anew: with 1 no commit ever succeeds, with 6 there are enough for
/// opening it, moving its log and a commit.
fn fail_flushes(when: u64) {
    let home = Home::new();
    let file = prepare(&home);
    let relay = Relay::spawn(&mut failing(&home, &file, when));
    let port = relay.port();
    let stream = Connection::stream(port, "/api/events?since=0").unwrap();
    let mut outcome = send_from_all(port, 25);
    assert!(when == 2 || !outcome.unknown.is_empty(), "nobody's flush failed; when={when}");
    if when == 1 {
        assert_eq!(outcome.acknowledged, Messages::new());
        assert_eq!(ready(port), (503, "failed".to_owned()));
    } else if when >= 6 {
        let until = send_until(port, "sender-0", &mut outcome, |answer| answer.status == 201);
        assert!(until <= 3, "writing resumes by itself; when={when}");
    }
    // A kill and an orderly stop leave different logs behind.
    let told = if when.is_multiple_of(2) {
        relay.kill();
        None
    } else {
        relay.server.signal("TERM");
        let told = told(&stream.rest().unwrap());
        assert_eq!(relay.server.end().0, Some(0));
        Some(told)
    };
    outcome.check(&home, &file, told.as_ref(), &format!("when={when}"));
}

#[test]
fn a_write_that_fails_is_never_a_yes_and_writing_resumes() {
    if !load::works("prlimit", &["--version"]) {
        return load::skip("failing writes: there is no prlimit");
    }
    let home = Home::new();
    let file = prepare(&home);
    // Past a mebibyte a file cannot grow: to write there is an error of the disk, and not "full".
    let script = "trap '' XFSZ; ulimit -S -f 2048; exec agent-relay serve --port 0 --db \"$1\"";
    let mut command = Command::new("sh");
    home.furnish(command.args(["-c", script, "sh"]).arg(&file));
    let relay = Relay::spawn(&mut command);
    let port = relay.port();
    let stream = Connection::stream(port, "/api/events?since=0").unwrap();
    let mut outcome = Outcome::default();
    let mut in_a_row = 0;
    send_until(port, "sender-0", &mut outcome, |answer| {
        in_a_row = if answer.status == 201 { 0 } else { in_a_row + 1 };
        in_a_row == 10
    });
    assert!(!outcome.acknowledged.is_empty());
    assert_eq!(ready(port), (503, "failed".to_owned()));
    assert_eq!(newest(port), outcome.acknowledged.keys().next_back().copied());

    let pid = relay.pid().to_string();
    let raised = ["--pid", &pid, "--fsize=unlimited:"];
    assert!(load::works("prlimit", &raised));
    let until = send_until(port, "sender-0", &mut outcome, |answer| answer.status == 201);
    assert_eq!(until, 1, "the next write succeeds");
    assert_eq!(ready(port), (200, "ready".to_owned()));
    relay.server.signal("TERM");
    let told = told(&stream.rest().unwrap());
    assert_eq!(relay.server.end().0, Some(0));
    outcome.check(&home, &file, Some(&told), "a limit on the size of files");
}

#[test]
fn a_full_disk_stops_writes_and_never_reads() {
    let home = Home::new();
    let Some(disk) = SmallDisk::mount(&home, 16) else { return };
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![0; 2 << 20]).unwrap();
    let file = disk.join("relay.db");
    let relay = Relay::start_with(&home, &["--db", file.to_str().unwrap()]);
    let port = relay.port();
    load::register_senders(port, SENDERS);
    let stream = Connection::stream(port, "/api/events?since=0").unwrap();
    let mut outcome = Outcome::default();
    send_until(port, "sender-0", &mut outcome, |answer| answer.status != 201);
    for _ in 0..20 {
        let mut connection = Connection::open(port).unwrap();
        let began = stopwatch();
        let answer = outcome.send(&mut connection, "sender-1");
        let took = began.elapsed();
        assert_eq!((answer.status, code(&answer)), (507, "storage_full"), "{answer:?}");
        assert!(took < Duration::from_secs(1), "the refusal took {took:?}");
        assert_eq!(ready(port), (503, "full".to_owned()));
        assert_eq!(newest(port), outcome.acknowledged.keys().next_back().copied());
    }

    fs::remove_file(&ballast).unwrap();
    let until = send_until(port, "sender-0", &mut outcome, |answer| answer.status == 201);
    assert_eq!(until, 1, "the next write succeeds");
    assert_eq!(ready(port), (200, "ready".to_owned()));
    relay.server.signal("TERM");
    let told = told(&stream.rest().unwrap());
    assert_eq!(relay.server.end().0, Some(0));
    outcome.check(&home, &file, Some(&told), "a full disk");
}

/// What the senders were told.
#[derive(Default)]
struct Outcome {
    sent: u64,
    acknowledged: Messages,
    unknown: BTreeSet<String>,
    refused: BTreeSet<String>,
}

impl Outcome {
    /// Sends one message and notes the answer.
    fn send(&mut self, connection: &mut Connection, from: &str) -> Answer {
        self.sent += 1;
        let text = format!("{from}/{}/{}", self.sent, "x".repeat(8 << 10));
        let message = json!({"from": from, "to": "human", "body": text});
        let answer = connection.post("/api/messages", &message).unwrap();
        match (answer.status, code(&answer)) {
            (201, _) => drop(self.acknowledged.insert(answer.body["id"].as_i64().unwrap(), text)),
            (503, "outcome_unknown") => drop(self.unknown.insert(text)),
            (503, "storage_failed") | (507, "storage_full") => drop(self.refused.insert(text)),
            _ => panic!("{answer:?}"),
        }
        answer
    }

    fn add(&mut self, other: Self) {
        for (id, text) in other.acknowledged {
            assert_eq!(self.acknowledged.insert(id, text), None, "id {id} was given twice");
        }
        self.sent += other.sent;
        self.unknown.extend(other.unknown);
        self.refused.extend(other.refused);
    }

    /// Starts the relay once more, on a disk that works, and compares what is there with what was
    /// said.
    #[track_caller]
    fn check(&self, home: &Home, file: &Path, told: Option<&Messages>, what: &str) {
        let relay = Relay::start_with(home, &["--db", file.to_str().unwrap()]);
        let stored = Connection::open(relay.port()).unwrap().messages(0);
        relay.kill();
        let (yes, no) = (self.acknowledged.len(), self.unknown.len() + self.refused.len());
        eprintln!("{what}: {yes} stored, {no} refused, {} of them unsure", self.unknown.len());
        for (id, text) in &self.acknowledged {
            assert_eq!(stored.get(id), Some(text), "{what}: message {id}");
        }
        for (id, text) in &stored {
            assert!(!self.refused.contains(text), "{what}: {id} was refused and is there");
            let known = self.acknowledged.contains_key(id) || self.unknown.contains(text);
            assert!(known, "{what}: nobody sent {id}");
        }
        if let Some(told) = told {
            check_told(told, &stored, what);
        }
        load::integrity(file, 0);
    }
}

/// A stream tells nothing that is not there, and jumps over nothing that is: what came to light
/// later has a later number, so that whoever resumes gets it.
#[track_caller]
fn check_told(told: &Messages, stored: &Messages, what: &str) {
    let last = told.keys().next_back().copied().unwrap_or(0);
    for (id, text) in told {
        assert_eq!(stored.get(id), Some(text), "{what}: told of {id}");
    }
    for id in stored.keys().take_while(|id| **id <= last) {
        assert!(told.contains_key(id), "{what}: the stream jumped over {id}");
    }
}

/// A database with the senders in it, made while all was well.
fn prepare(home: &Home) -> PathBuf {
    let file = home.join("relay.db");
    let relay = Relay::start_with(home, &["--db", file.to_str().unwrap()]);
    load::register_senders(relay.port(), SENDERS);
    relay.server.signal("TERM");
    assert_eq!(relay.server.end().0, Some(0));
    file
}

/// The relay as the child of this process, with a tracer beside it that makes flushes fail.
fn failing(home: &Home, file: &Path, when: u64) -> Command {
    let inject = format!("inject=fsync,fdatasync:error=EIO:when={when}");
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-qq", "--seccomp-bpf", "-e", "trace=fsync,fdatasync"]);
    command.args(["-e", &inject, "-o"]).arg(home.join("trace"));
    command.args(["agent-relay", "serve", "--port", "0", "--db"]).arg(file);
    home.furnish(&mut command);
    command
}

/// All senders at once, each `count` messages; meanwhile reading goes on.
fn send_from_all(port: u16, count: u64) -> Outcome {
    let (done, ended) = channel::<()>();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let done = done.clone();
            thread::spawn(move || {
                let mut connection = Connection::open(port).unwrap();
                let mut outcome = Outcome::default();
                for _ in 0..count {
                    outcome.send(&mut connection, &format!("sender-{sender}"));
                }
                drop(done);
                outcome
            })
        })
        .collect();
    drop(done);
    while ended.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
        newest(port);
    }
    let mut all = Outcome::default();
    for sender in senders {
        all.add(sender.join().unwrap());
    }
    all
}

/// Sends until an answer is as wanted; returns how many it took.
fn send_until(
    port: u16,
    from: &str,
    outcome: &mut Outcome,
    mut wanted: impl FnMut(&Answer) -> bool,
) -> usize {
    let mut connection = Connection::open(port).unwrap();
    let sends = (1..=5_000).find(|_| wanted(&outcome.send(&mut connection, from)));
    sends.expect("it comes to that")
}

#[expect(clippy::disallowed_methods, reason = "measures how promptly a refusal comes")]
fn stopwatch() -> Instant {
    Instant::now()
}

fn code(answer: &Answer) -> &str {
    answer.body["error"]["code"].as_str().unwrap_or_default()
}

/// The id of the newest message; the list is always answered.
fn newest(port: u16) -> Option<i64> {
    let answer = Connection::open(port).unwrap().get("/api/messages?limit=1").unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body[0]["id"].as_i64()
}

fn ready(port: u16) -> (u16, String) {
    let answer = Connection::open(port).unwrap().get("/ready").unwrap();
    (answer.status, answer.text.trim().to_owned())
}

/// The messages that a stream told of, which must come in order.
fn told(stream: &str) -> Messages {
    let mut messages = Messages::new();
    for data in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(data).unwrap();
        let (Some(id), Some(text)) =
            (event["message"]["id"].as_i64(), event["message"]["body"].as_str())
        else {
            continue;
        };
        assert!(messages.keys().next_back() < Some(&id), "{id} came late");
        messages.insert(id, text.to_owned());
    }
    messages
}
