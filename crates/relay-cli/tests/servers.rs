//! Two relays on one PostgreSQL behind a balancer, and again and again one of them is killed: nothing
//! that was acknowledged is lost, no work is given twice, and clients go on by themselves.

mod support;

use std::{
    collections::BTreeMap,
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use support::{Home, PATIENCE, Relay, assert_fails, assert_ok, database, http::Connection, load};
use tokio::time::Instant;

const SENDERS: u64 = 6;
const WORKERS: u64 = 4;
/// How soon a client must be served again.
const FAILOVER: Duration = Duration::from_secs(5);

fn serve(home: &Home, database: &str) -> Relay {
    let mut command = home.command(&["serve", "--port", "0", "--log", "warn"]);
    Relay::spawn(command.env("AGENT_RELAY_DATABASE_URL", database))
}

/// Passes connections on to one of two relays in turn, and to the other where the first is gone.
struct Balancer {
    port: u16,
    behind: Arc<[AtomicU16; 2]>,
}

impl Balancer {
    fn start(ports: [u16; 2]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let behind = Arc::new(ports.map(AtomicU16::new));
        let known = behind.clone();
        thread::spawn(move || {
            for (turn, client) in listener.incoming().flatten().enumerate() {
                let ports = [0, 1].map(|n| known[(turn + n) % 2].load(Ordering::SeqCst));
                thread::spawn(move || pass(&client, ports));
            }
        });
        Self { port, behind }
    }
}

fn pass(client: &TcpStream, ports: [u16; 2]) {
    let found = ports.into_iter().find_map(|port| TcpStream::connect(("127.0.0.1", port)).ok());
    let Some(server) = found else { return };
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (server, client.try_clone().unwrap());
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

/// Posts until it is answered well, over as many connections as it takes. Returns the longest wait.
fn insist(port: u16, kept: &mut Option<Connection>, path: &str, body: &Value) -> (Value, Duration) {
    let began = Instant::now();
    loop {
        let open = kept.take().map_or_else(|| Connection::open(port), Ok);
        let Ok(mut connection) = open else { continue };
        match connection.post(path, body) {
            // An answer that says no is one, too.
            Ok(answer) if answer.status < 500 => {
                *kept = Some(connection);
                return (answer.body, began.elapsed());
            }
            _ => assert!(began.elapsed() < PATIENCE, "nobody answers"),
        }
    }
}

#[derive(Default)]
struct Seen {
    /// Acknowledged messages: their texts.
    messages: BTreeMap<i64, String>,
    /// Who was told to have a message, by its id and grant.
    grants: BTreeMap<(i64, i64), Vec<String>>,
    slowest: Duration,
}

fn send(port: u16, sender: u64, seen: &Mutex<Seen>, done: &AtomicBool, count: &AtomicU64) {
    let mut kept = None;
    for number in 0.. {
        if done.load(Ordering::SeqCst) {
            return;
        }
        let text = format!("{sender}/{number}");
        let message = json!({
            "from": format!("sender-{sender}"), "to": "broadcast", "body": text, "idempotencyKey": text,
            "claimable": number % 4 == 0,
        });
        let (answer, waited) = insist(port, &mut kept, "/api/messages", &message);
        let id = answer["id"].as_i64().unwrap_or_else(|| panic!("{answer}"));
        let mut seen = seen.lock().unwrap();
        assert!(seen.messages.insert(id, text).is_none(), "id {id} twice");
        seen.slowest = seen.slowest.max(waited);
        drop(seen);
        count.fetch_add(1, Ordering::SeqCst);
    }
}

/// Claims what is open, as all workers do at once.
fn work(port: u16, worker: u64, seen: &Mutex<Seen>, done: &AtomicBool) {
    let name = format!("worker-{worker}");
    let mut kept = None;
    let mut last = 0;
    while !done.load(Ordering::SeqCst) {
        let known: Vec<i64> =
            seen.lock().unwrap().messages.range(last + 1..).map(|m| *m.0).collect();
        for id in known {
            last = id;
            let path = format!("/api/messages/{id}/claim");
            let (answer, _) = insist(port, &mut kept, &path, &json!({ "agentId": name }));
            if let Some(generation) = answer["claim"]["generation"].as_i64() {
                let mut seen = seen.lock().unwrap();
                seen.grants.entry((id, generation)).or_default().push(name.clone());
            }
        }
        thread::yield_now();
    }
}

#[test]
fn one_relay_of_two_is_killed_again_and_again_and_nothing_is_lost() {
    let Some(database) = database() else { return };
    let homes = [Home::new(), Home::new()];
    let mut relays = [0, 1].map(|n| Some(serve(&homes[n], &database)));
    let ports = [0, 1].map(|n| relays[n].as_ref().unwrap().port());
    let balancer = Balancer::start(ports);
    let port = balancer.port;
    load::register_senders(port, SENDERS);
    for worker in 0..WORKERS {
        Connection::open(port).unwrap().register(&format!("worker-{worker}"));
    }
    let (seen, done, count) = (
        Arc::new(Mutex::new(Seen::default())),
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let mut clients = Vec::new();
    for sender in 0..SENDERS {
        let (seen, done, count) = (seen.clone(), done.clone(), count.clone());
        clients.push(thread::spawn(move || send(port, sender, &seen, &done, &count)));
    }
    for worker in 0..WORKERS {
        let (seen, done) = (seen.clone(), done.clone());
        clients.push(thread::spawn(move || work(port, worker, &seen, &done)));
    }
    let kills = if load::full() { 30 } else { 4 };
    for kill in 0..kills {
        let before = count.load(Ordering::SeqCst);
        support::until("sending goes on", || count.load(Ordering::SeqCst) >= before + 60);
        let which = kill % 2;
        relays[which].take().unwrap().kill();
        let again = serve(&homes[which], &database);
        balancer.behind[which].store(again.port(), Ordering::SeqCst);
        relays[which] = Some(again);
    }
    done.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().unwrap();
    }
    let stored = Connection::open(port).unwrap().messages(0);
    let seen = seen.lock().unwrap();
    assert_eq!(stored, seen.messages, "each key once, and all that was acknowledged");
    for (grant, holders) in &seen.grants {
        assert!(holders.iter().all(|holder| *holder == holders[0]), "{grant:?}: {holders:?}");
    }
    println!(
        "{kills} kills, {} messages, {} grants; the longest wait {:?}",
        stored.len(),
        seen.grants.len(),
        seen.slowest
    );
    assert!(!seen.grants.is_empty());
    assert!(seen.slowest < FAILOVER, "{:?}", seen.slowest);
}

#[test]
fn a_relay_moves_from_its_file_into_postgresql() {
    let Some(database) = database() else { return };
    let home = Home::new();
    let file = home.join("relay.db");
    let file = file.to_str().unwrap();
    let relay = Relay::start_with(&home, &["--db", file]);
    let port = relay.port();
    load::register_senders(port, 2);
    let message = json!({ "from": "sender-0", "to": "sender-1", "body": "before the move" });
    let sent = Connection::open(port).unwrap().post("/api/messages", &message).unwrap();
    let moving = ["migrate", "--yes", "--db", file];
    let run = |arguments: &[&str]| {
        support::finish(home.command(arguments).env("AGENT_RELAY_DATABASE_URL", &database))
    };
    assert_fails(&run(&moving), 1, "is in use by another relay", "stop the relay");
    relay.kill();
    assert_ok(&run(&moving));
    assert_fails(&run(&moving), 1, "holds a relay's data already", "");
    let relay = serve(&home, &database);
    let found = Connection::open(relay.port()).unwrap().messages(0);
    assert_eq!(
        found.into_iter().next(),
        Some((sent.body["id"].as_i64().unwrap(), "before the move".to_owned()))
    );
    assert_fails(&run(&["backup", "copy.db"]), 2, "pg_dump", "docs/deployment.md");
    let (_, talk) = relay.server.end();
    assert!(talk.contains("database    postgres://"), "{talk}");
}

#[test]
fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    let home = Home::new();
    let mut command = home.command(&["serve", "--port", "0"]);
    // Nothing listens on port 1.
    let url = "postgres://relay:s3cret@127.0.0.1:1/relay";
    let done = support::finish(command.env("AGENT_RELAY_DATABASE_URL", url));
    assert_fails(&done, 1, "postgres://127.0.0.1:1/relay: ", "is PostgreSQL there");
    assert!(!done.stderr.contains("s3cret"), "{done:?}");
}
