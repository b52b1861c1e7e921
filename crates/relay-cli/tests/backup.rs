//! Backing up a relay that runs, and putting the backup back.
#![cfg(unix)]

mod support;

use relay_store::{Restored, Snapshot};
use support::{Home, Relay, assert_fails, assert_ok};

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
