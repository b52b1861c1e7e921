//! Backing up a relay that runs, and putting the backup back.
#![cfg(unix)]

mod support;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use relay_store::{Restored, Snapshot};
use serde_json::json;
use support::{Home, Relay, assert_fails, assert_ok, http::Connection, load};

#[test]
fn a_relay_is_backed_up_while_it_runs_and_put_back_when_it_is_stopped() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let database = home.join("data/agent-relay/relay.db");
    let send = |relay: &Relay, text: &str| {
        let sent = home.run(&["send", "human", text, "--json", "--url", &relay.url]);
        assert_ok(&sent);
        let sent: serde_json::Value = serde_json::from_str(&sent.stdout).unwrap();
        sent["message"]["id"].as_i64().or(sent["id"].as_i64()).unwrap()
    };
    let kept = send(&relay, "before");
    let file = home.join("backup.db");
    let file = file.to_str().unwrap();
    let made = home.run(&["backup", file, "--json"]);
    assert_ok(&made);
    let snapshot: Snapshot = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(snapshot.messages, 1);
    let again = home.run(&["backup", file]);
    assert_fails(&again, 1, "replaces nothing", "");

    let lost = send(&relay, "after");
    let running = home.run(&["restore", file, "--yes"]);
    assert_fails(&running, 1, "in use by another relay", "stop the relay first");
    relay.server.signal("TERM");
    relay.server.end();
    let unasked = home.run(&["restore", file]);
    assert_fails(&unasked, 2, "nobody is there to ask", "--yes");
    let looked = home.run(&["restore", file, "--dry-run"]);
    assert_ok(&looked);
    assert!(looked.stdout.contains(&snapshot.sha256), "{looked:?}");
    let done = home.run(&["restore", file, "--yes", "--json"]);
    assert_ok(&done);
    let done: Restored = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((done.database.as_path(), done.floor.0), (database.as_path(), lost));
    assert!(done.aside.unwrap().exists());

    let relay = Relay::start(&home);
    let read = |id: i64| home.run(&["read", &id.to_string(), "--url", &relay.url]);
    assert!(read(kept).stdout.contains("before"));
    assert_fails(&read(lost), 1, "does not exist", "");
    assert!(send(&relay, "later") > lost, "no number is given twice");
}

#[test]
fn what_is_no_backup_is_refused_by_name() {
    let home = Home::new();
    let file = home.join("notes.txt");
    std::fs::write(
        &file,
        "no database, but a text that is long enough to be looked at ".repeat(20),
    )
    .unwrap();
    let file = file.to_str().unwrap();
    for command in [&["restore", file, "--yes"][..], &["backup", "copy.db", "--db", file]] {
        assert_fails(&home.run(command), 1, "notes.txt is no relay database", "");
    }
    assert_fails(&home.run(&["backup", "copy.db", "--db", "missing.db"]), 1, "missing.db", "");
}

/// Who sends at once. Each waits for its answer before it sends again.
const SENDERS: u64 = 32;

/// What is acknowledged, by id: who sent it, and as its how manieth.
type Acknowledged = Mutex<BTreeMap<i64, (u64, u64)>>;

#[test]
fn each_backup_under_load_is_an_earlier_state_and_no_number_is_given_twice() {
    let count = if load::full() { 20 } else { 4 };
    let home = Home::new();
    let relay = Relay::start(&home);
    load::register_senders(relay.port(), SENDERS);
    let (acknowledged, stop) = (Acknowledged::default(), AtomicBool::new(false));
    let (port, began) = (relay.port(), began());
    let mut made = Vec::new();
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (acknowledged, stop) = (&acknowledged, &stop);
            scope.spawn(move || send_until_told(port, sender, acknowledged, stop));
        }
        for number in 0..count {
            let before = acknowledged.lock().unwrap().clone();
            let file = home.join(&format!("backup-{number}.db")).to_string_lossy().into_owned();
            let done = home.run(&["backup", &file, "--json"]);
            assert_ok(&done);
            let snapshot: Snapshot = serde_json::from_str(&done.stdout).unwrap();
            made.push((file, before, snapshot));
        }
        stop.store(true, Ordering::SeqCst);
    });
    let all = acknowledged.into_inner().unwrap();
    let rate = all.len() as u128 * 1000 / began.elapsed().as_millis();
    eprintln!("{count} backups under {rate} messages a second, {} in all", all.len());
    assert!(made[0].2.messages < made[made.len() - 1].2.messages, "there was load");
    relay.server.signal("TERM");
    assert_eq!(relay.server.end().0, Some(0));
    let mut newest = *all.keys().next_back().unwrap();
    for (file, before, snapshot) in &made {
        assert_ok(&home.run(&["restore", file, "--yes"]));
        let relay = Relay::start(&home);
        let mut connection = Connection::open(relay.port()).unwrap();
        check(&connection.messages(0), &all, before, snapshot);
        let message = json!({"from": "sender-0", "to": "human", "body": "0/later"});
        let id = connection.post("/api/messages", &message).unwrap().body["id"].as_i64().unwrap();
        assert!(id > newest, "{id} is not above {newest}");
        newest = id;
        relay.server.signal("TERM");
        assert_eq!(relay.server.end().0, Some(0));
        load::integrity(Path::new(&home.join("data/agent-relay/relay.db")), 0);
    }
}

fn send_until_told(port: u16, sender: u64, acknowledged: &Acknowledged, stop: &AtomicBool) {
    let mut connection = Connection::open(port).unwrap();
    let from = format!("sender-{sender}");
    for number in 0_u64.. {
        let message = json!({"from": from, "to": "human", "body": format!("{sender}/{number}")});
        let answer = connection.post("/api/messages", &message).unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        let id = answer.body["id"].as_i64().unwrap();
        acknowledged.lock().unwrap().insert(id, (sender, number));
        if stop.load(Ordering::SeqCst) {
            return;
        }
    }
}

/// What is restored is what there was up to some moment: all ids up to one, with none between left
/// out, and all that was acknowledged before the backup began.
fn check(
    restored: &BTreeMap<i64, String>,
    all: &BTreeMap<i64, (u64, u64)>,
    before: &BTreeMap<i64, (u64, u64)>,
    snapshot: &Snapshot,
) {
    assert_eq!(restored.len() as i64, snapshot.messages);
    let last = *restored.keys().next_back().unwrap();
    let earlier: BTreeMap<i64, String> = all
        .range(..=last)
        .map(|(id, (sender, number))| (*id, format!("{sender}/{number}")))
        .collect();
    assert!(*restored == earlier, "{} restored, {} sent by then", restored.len(), earlier.len());
    assert!(before.keys().all(|id| restored.contains_key(id)), "what was acknowledged is in it");
}

#[expect(clippy::disallowed_methods, reason = "measures the load")]
fn began() -> Instant {
    Instant::now()
}
