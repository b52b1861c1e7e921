//! Databases of every earlier schema: they are brought up to date in one step each, whatever ends
//! the relay in the middle, and what a newer relay wrote is not touched.
#![cfg(target_os = "linux")]

mod fixture;
#[path = "../support/mod.rs"]
mod support;

use std::{fs, path::Path, process::Command};

use fixture::{Fixture, NEWEST, of_schema};
use support::{Home, PATIENCE, Relay, assert_fails, http::Connection, load, wait};

#[test]
fn a_database_of_every_earlier_schema_opens_with_all_that_is_in_it() {
    for schema in 1..=NEWEST {
        let home = Home::new();
        let old = of_schema(&home, schema);
        assert_eq!(fixture::schema(&old.file), schema);
        check(&home, &old);
    }
}

/// Opens it with the relay, looks at what is in it, and uses it.
fn check(home: &Home, old: &Fixture) {
    let relay = Relay::start_with(home, &["--db", old.file.to_str().unwrap()]);
    let mut connection = Connection::open(relay.port()).unwrap();
    let bodies: Vec<String> = connection.messages(0).into_values().collect();
    for number in 0..20 {
        assert!(bodies.contains(&format!("message {number}")), "{number} of schema {}", old.schema);
    }
    let mut count = |path: &str| connection.get(path).unwrap().body.as_array().unwrap().len();
    // `human` is built in, and is not listed.
    assert_eq!((count("/api/agents"), count("/api/messages?q=message&limit=50")), (2, 20));
    assert_eq!(count("/api/tasks"), usize::from(old.schema >= 2));
    assert_eq!(count("/api/pairs"), usize::from(old.schema >= 3));
    let held = connection.messages(0).into_iter().find(|(_, body)| body == "message 4").unwrap().0;
    let held = connection.get(&format!("/api/messages/{held}")).unwrap();
    assert_eq!(held.body["claim"]["by"], "bob", "{held:?}");
    let message = serde_json::json!({"from": "alice", "to": "bob", "body": "new"});
    let sent = connection.post("/api/messages", &message).unwrap();
    assert!(sent.body["id"].as_i64().unwrap() > old.newest, "no number is given twice: {sent:?}");
    let health = connection.get("/api/health").unwrap();
    assert_eq!(health.body["ok"], true, "{health:?}");
    relay.server.signal("TERM");
    assert_eq!(relay.server.end().0, Some(0));
    assert_eq!(fixture::schema(&old.file), NEWEST);
}

#[test]
fn a_relay_that_is_killed_while_it_migrates_leaves_the_old_or_the_new() {
    let trace = ["-D", "-f", "-e", "inject=pwrite64:signal=KILL:when=9999", "true"];
    if !load::works("strace", &trace) {
        return load::skip("kills in a migration: strace is missing or may not trace");
    }
    for schema in 1..NEWEST {
        let home = Home::new();
        let old = of_schema(&home, schema);
        let whole = copied(&home, &old.file, "whole.db");
        let (mut when, mut seen) = (1, Vec::new());
        // Every write in the long run, and some on the way in the short one.
        while killed(&home, &old.file, when) {
            let now = fixture::schema(&old.file);
            assert!((schema..=NEWEST).contains(&now), "schema {now}, killed at write {when}");
            seen.push(now);
            if load::full() || when.is_multiple_of(16) {
                check(&home, &Fixture { file: old.file.clone(), ..old });
            }
            put_back(&whole, &old.file);
            when += if load::full() { 1 } else { 7 };
        }
        eprintln!("schema {schema}: {} kills, after which it was {seen:?}", seen.len());
        assert!(seen.contains(&schema), "a kill came before the end of a migration");
        assert!(seen.contains(&NEWEST), "a kill came after it");
    }
}

/// Starts the relay and kills it at a thread's write of that number. False where it came to serve:
/// it has no more writes to do.
fn killed(home: &Home, file: &Path, when: u32) -> bool {
    let mut command = Command::new("strace");
    let inject = format!("inject=pwrite64:signal=KILL:when={when}");
    command.args(["-D", "-f", "-qq", "-e", "trace=pwrite64", "-e", &inject]);
    command.arg("-o").arg(home.join("trace"));
    command.args(["agent-relay", "serve", "--port", "0", "--db"]).arg(file);
    home.furnish(&mut command);
    let out = fs::File::create(home.join("out")).unwrap();
    let mut child = command.stdout(out).stderr(std::process::Stdio::null()).spawn().unwrap();
    let began = began();
    loop {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        if fs::read_to_string(home.join("out")).unwrap().contains("listening on") {
            let _ = child.kill();
            wait(&mut child);
            return false;
        }
        assert!(began.elapsed() < PATIENCE, "it neither serves nor ends");
        std::thread::yield_now();
    }
}

#[expect(clippy::disallowed_methods, reason = "gives up on what hangs")]
fn began() -> std::time::Instant {
    std::time::Instant::now()
}

/// A copy of a database whose relay has ended in order, so that the file is all there is.
fn copied(home: &Home, file: &Path, name: &str) -> std::path::PathBuf {
    let to = home.join(name);
    fs::copy(file, &to).unwrap();
    to
}

fn put_back(whole: &Path, file: &Path) {
    for end in ["-wal", "-shm"] {
        let beside = file.with_file_name(format!("{}{end}", file.file_name().unwrap().display()));
        let _ = fs::remove_file(beside);
    }
    fs::copy(whole, file).unwrap();
}

#[test]
fn what_a_newer_relay_wrote_is_refused_and_stays_as_it_is() {
    let home = Home::new();
    let old = of_schema(&home, NEWEST);
    fixture::date_forward(&old.file);
    let (before, db) = (fs::read(&old.file).unwrap(), old.file.to_str().unwrap());
    let beside = || {
        let names = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> =
            names.filter(|name| name.to_string_lossy().contains("db")).collect();
        names.sort();
        names
    };
    let serve = home.run(&["serve", "--port", "0", "--db", db]);
    assert_fails(
        &serve,
        1,
        "has schema 999, written by a newer relay; this one knows up to 3",
        "newer",
    );
    assert!(fs::read(&old.file).unwrap() == before, "not a byte is changed");
    let backup = home.run(&["backup", "copy.db", "--db", db]);
    assert_fails(&backup, 1, "written by a newer relay", "");
    let doctor = home.run(&["doctor", "--db", db, "--url", "http://127.0.0.1:1"]);
    assert!(doctor.stdout.contains("written by a newer relay"), "{doctor:?}");
    assert!(fs::read(&old.file).unwrap() == before, "not a byte is changed");
    assert_eq!(beside().iter().filter(|name| name.to_string_lossy().contains("copy")).count(), 0);
}
