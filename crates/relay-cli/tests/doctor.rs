//! What the doctor says of set-ups that are broken, and of one that is not.
#![cfg(target_os = "linux")]

mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::Path,
    thread,
};

use serde_json::{Value, json};
use support::{Done, Home, Relay, disk::SmallDisk, finish, http::Connection, proxy};

/// What was found of one thing.
fn finding(done: &Done, check: &str) -> Value {
    let findings: Vec<Value> = serde_json::from_str(&done.stdout).unwrap_or_else(|why| {
        panic!("{why}: {done:?}");
    });
    let found = findings.iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("nothing of {check}: {done:?}")).clone()
}

/// The check is in this state, says this, and says what to do.
#[track_caller]
fn names(done: &Done, check: &str, state: &str, found: &str, hint: &str) {
    let finding = finding(done, check);
    let text = |field: &str| finding[field].as_str().unwrap_or("").to_owned();
    assert_eq!(finding["state"], state, "{finding}");
    assert!(text("found").contains(found), "no {found:?} in {finding}");
    assert!(text("hint").contains(hint), "no {hint:?} in {finding}");
    assert!(state == "ok" || state == "skipped" || finding["hint"].is_string(), "{finding}");
    assert_eq!(done.code, i32::from(done.stdout.contains("\"failed\"")), "{done:?}");
}

fn doctor(home: &Home, url: &str) -> Done {
    home.run(&["doctor", "--json", "--url", url])
}

/// A port on which nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn write_program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_doctor_names_the_cause_in_each_of_ten_broken_set_ups() {
    port_taken();
    wrong_token();
    stale_version();
    plugin_missing();
    database_locked();
    database_damaged();
    disk_full();
    clock_off();
    relay_down();
    two_agents_under_one_name();
}

fn port_taken() {
    for says in
        ["HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "220 mail.example ESMTP\r\n"]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(says.as_bytes());
            }
        });
        let done = doctor(&Home::new(), &url);
        names(&done, "relay", "failed", "another program has the relay's address", "setup --port");
        let holder = format!("(process {})", std::process::id());
        names(&done, "relay", "failed", &holder, "stop that program");
    }
}

fn wrong_token() {
    let home = Home::new();
    let relay =
        Relay::spawn(home.command(&["serve", "--port", "0"]).env("AGENT_RELAY_TOKEN", "right"));
    let asked = |token: &str| {
        let mut command = home.command(&["doctor", "--json", "--url", &relay.url]);
        finish(command.env("AGENT_RELAY_TOKEN", token))
    };
    let not_known = "the relay does not know the token from AGENT_RELAY_TOKEN";
    names(&asked("wrong"), "token", "failed", not_known, "the relay's own");
    names(&asked("right"), "token", "ok", "it comes from AGENT_RELAY_TOKEN", "");
    let none = doctor(&Home::new(), &relay.url);
    names(&none, "token", "failed", "asks for a token, and none is set", "AGENT_RELAY_TOKEN");
    assert!(!format!("{:?}", asked("wrong")).contains("\"wrong"), "a token is not shown");
}

fn stale_version() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let version = env!("CARGO_PKG_VERSION");
    let older = "0".repeat(version.len() - 4) + ".0.0";
    let text = format!("\"version\":\"{version}\"");
    let stale = text.replace(version, &older);
    let url = proxy::start(relay.port(), move |answer| answer.replace(&text, &stale));
    let done = doctor(&home, &url);
    names(&done, "version", "warning", "the relay is stale: it runs 0", "daemon restart");
}

fn plugin_missing() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let version = env!("CARGO_PKG_VERSION");
    write_program(&home.join("bin/claude"), "exit 0");
    write_program(
        &home.join("bin/agent-relay-claude"),
        &format!("echo agent-relay-claude {version}"),
    );
    let asked = || {
        let mut command = home.command(&["doctor", "--json", "--url", &relay.url]);
        finish(command.env("PATH", home.join("bin")))
    };
    let missing = "the plugin is missing: its sessions are no agents";
    names(&asked(), "claude", "warning", missing, "claude plugin install");
    // As Claude Code writes it down when the plugin is installed.
    let settings = home.join(".claude/settings.json");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    fs::write(&settings, r#"{"enabledPlugins": {"agent-relay@agent-relay": true}}"#).unwrap();
    names(&asked(), "claude", "ok", "with the plugin", "");
    fs::remove_file(home.join("bin/agent-relay-claude")).unwrap();
    names(&asked(), "claude", "failed", "agent-relay-claude is not on PATH", "cargo install");
}

fn database_locked() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let done = doctor(&home, &nowhere());
    let locked = format!("is locked: another relay (process {}) has it", relay.pid());
    names(&done, "database", "failed", &locked, &format!("kill {}", relay.pid()));
    // It runs on, undisturbed.
    names(&doctor(&home, &relay.url), "database", "ok", "schema", "");
}

/// A database with a little in it, of a relay that has stopped.
fn database(home: &Home) -> std::path::PathBuf {
    let relay = Relay::start(home);
    let mut connection = Connection::open(relay.port()).unwrap();
    connection.register("a");
    for number in 0..200 {
        let body = format!("{number} {}", "x".repeat(500));
        connection
            .post("/api/messages", &json!({"from": "a", "to": "human", "body": body}))
            .unwrap();
    }
    relay.server.signal("TERM");
    relay.server.end();
    home.join("data/agent-relay/relay.db")
}

fn database_damaged() {
    let home = Home::new();
    let file = database(&home);
    let whole = fs::read(&file).unwrap();
    let down = nowhere();
    for deep in
        [&["doctor", "--json", "--url", &down][..], &["doctor", "--json", "--deep", "--url", &down]]
    {
        names(&home.run(deep), "database", "ok", "200 messages", "");
    }
    assert!(fs::read(&file).unwrap() == whole, "it is only looked at");
    let pages = fs::OpenOptions::new().write(true).open(&file).unwrap();
    pages.write_all_at(&vec![0xa5; 40 * 4096], 20 * 4096).unwrap();
    let damaged = fs::read(&file).unwrap();
    names(&doctor(&home, &down), "database", "failed", "is damaged", "agent-relay restore");
    assert!(fs::read(&file).unwrap() == damaged, "it is not mended");
    fs::write(&file, "no database any more, but a text of some length ".repeat(90)).unwrap();
    names(&doctor(&home, &down), "database", "failed", "is no relay database", "restore");
}

fn disk_full() {
    let home = Home::new();
    let Some(disk) = SmallDisk::mount(&home, 64) else { return };
    let file = disk.join("relay.db");
    let db = file.to_str().unwrap();
    let relay = Relay::start_with(&home, &["--db", db]);
    let mut connection = Connection::open(relay.port()).unwrap();
    connection.register("a");
    let room: u64 = 64 << 20;
    let _ = fs::write(disk.join("ballast"), vec![0; usize::try_from(room).unwrap()]);
    let message = json!({"from": "a", "to": "human", "body": "x".repeat(60_000)});
    let full = (0..100).find(|_| connection.post("/api/messages", &message).unwrap().status == 507);
    assert!(full.is_some(), "the disk is full");
    let done = home.run(&["doctor", "--json", "--url", &relay.url, "--db", db]);
    names(&done, "disk", "failed", "the disk is full: 0 MiB free", "make room");
    names(&done, "relay", "failed", "its disk is full: nothing can be stored", "make room");
}

fn clock_off() {
    let home = Home::new();
    let relay = Relay::start(&home);
    names(&doctor(&home, &relay.url), "clock", "ok", "agree", "");
    let url = proxy::start(relay.port(), |answer| {
        proxy::header(&answer, "date", "Fri, 01 Jan 2021 00:00:00 GMT")
    });
    let done = doctor(&home, &url);
    names(&done, "clock", "failed", "s behind this machine's", "timedatectl");
}

fn relay_down() {
    let home = Home::new();
    let done = doctor(&home, &nowhere());
    names(&done, "relay", "failed", "no relay runs at http://127.0.0.1:", "agent-relay serve");
}

fn two_agents_under_one_name() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut connection = Connection::open(relay.port()).unwrap();
    for (id, label) in [("one", "Backend"), ("two", "backend")] {
        let agent = json!({"id": id, "provider": "claude", "label": label});
        assert_eq!(connection.post("/api/agents", &agent).unwrap().status, 201);
    }
    let done = doctor(&home, &relay.url);
    names(&done, "agents", "warning", "one and two have one label", "agent-relay label");
    assert_eq!(done.code, 0, "a warning is no failure: {done:?}");
}

#[test]
fn a_set_up_that_is_well_has_no_failures_and_says_so_to_people() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let done = home.run(&["doctor", "--url", &relay.url]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    for line in
        ["ok       relay     ready at http://127.0.0.1:", "ok       files     ", "ok       clock"]
    {
        assert!(done.stdout.contains(line), "no {line:?} in {}", done.stdout);
    }
    let down = home.run(&["doctor", "--url", &nowhere()]);
    assert_eq!(down.code, 1);
    assert!(down.stdout.contains("-> agent-relay serve"), "{down:?}");
    assert!(down.stderr.starts_with("error: "), "{down:?}");
}

#[test]
fn what_others_may_read_is_named_with_the_command_that_ends_it() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let file = home.join(&format!("data/agent-relay/operator-{}.token", relay.port()));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let done = doctor(&home, &relay.url);
    names(&done, "files", "failed", ".token (644)", "chmod 600 ");
    let command = finding(&done, "files")["hint"].as_str().unwrap().to_owned();
    assert!(support::load::works("sh", &["-c", &command]));
    names(&doctor(&home, &relay.url), "files", "ok", "for their user only", "");
}

#[test]
fn settings_and_profiles_that_cannot_be_read_are_named() {
    let home = Home::new();
    let folder = home.join("config/agent-relay");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("profiles.json"), r#"{"a": {}, "b": {"approval": "no"}}"#).unwrap();
    let done = doctor(&home, &nowhere());
    names(&done, "profiles", "failed", "profile `b`, field `approval` is \"no\"", "providers.md");
    fs::write(folder.join("relay.env"), "AGENT_RELAY_PORT=1\noops\n").unwrap();
    let done = doctor(&home, &nowhere());
    names(&done, "settings", "failed", "relay.env, line 2: has no `=`", "mend");
    names(&done, "database", "skipped", "settings that cannot be read", "");
}

/// A session of a provider, as far as the relay sees it: it reads its mail, and its turn ends.
fn session(port: u16, id: &str) {
    let mut connection = Connection::open(port).unwrap();
    let agent = json!({"id": id, "provider": "claude"});
    let token = connection.post("/api/agents", &agent).unwrap().body["token"].clone();
    let mut connection = Connection::with_token(port, token.as_str().unwrap()).unwrap();
    let id = id.to_owned();
    thread::spawn(move || {
        let inbox = format!("/api/messages?for={id}&unread=true&wait=30");
        let mail = connection.get(&inbox).unwrap().body[0].clone();
        let path = format!("/api/messages/{}", mail["id"]);
        for what in ["read", "handled"] {
            let mark = json!({"agentId": id, what: true, "via": "claude-socket"});
            let mark =
                if what == "handled" { json!({"agentId": id, "handled": true}) } else { mark };
            connection.patch(&path, &mark).unwrap();
        }
    });
}

#[test]
fn a_test_message_says_how_far_it_came_and_how_long_it_took() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut connection = Connection::open(relay.port()).unwrap();
    for (id, provider) in [("deaf", "codex"), ("guest", "mcp"), ("terminal", "cli")] {
        let agent = json!({"id": id, "provider": provider});
        assert_eq!(connection.post("/api/agents", &agent).unwrap().status, 201);
    }
    session(relay.port(), "awake");
    let mut command =
        home.command(&["doctor", "--json", "--deliver", "--timeout", "2s", "--url", &relay.url]);
    let done = finish(&mut command);
    let findings: Vec<Value> = serde_json::from_str(&done.stdout).unwrap();
    let found = |agent: &str| {
        let of = |finding: &&Value| {
            finding["check"] == "deliver" && finding["found"].as_str().unwrap().starts_with(agent)
        };
        findings
            .iter()
            .find(of)
            .map(|finding| (finding["state"].as_str().unwrap(), finding["found"].as_str().unwrap()))
    };
    let (state, awake) = found("awake ").unwrap();
    assert_eq!(state, "ok");
    for part in ["stored in ", " ms, read after ", " by claude-socket, handled after "] {
        assert!(awake.contains(part), "{awake}");
    }
    let (state, deaf) = found("deaf ").unwrap();
    assert!(
        state == "failed" && deaf.contains("not read within 2.0 s, though it is idle"),
        "{deaf}"
    );
    let (state, guest) = found("guest ").unwrap();
    assert!(state == "warning" && guest.contains("when its model asks"), "{guest}");
    assert_eq!(found("terminal "), None, "people get no test mail");
    assert_eq!(done.code, 1);
    // It says what it is, and does not linger.
    let sent = connection.get("/api/messages?from=human&limit=10").unwrap();
    let sent = sent.body.as_array().unwrap().clone();
    assert_eq!(sent.len(), 3, "{sent:?}");
    for message in sent {
        assert!(message["body"].as_str().unwrap().contains("needs no answer"), "{message}");
        assert!(message["expiresAt"].is_number(), "{message}");
    }
}

#[test]
fn a_postgresql_is_looked_at_and_one_that_is_not_there_is_named() {
    let home = Home::new();
    let look = |database: &str| {
        let mut command = home.command(&["doctor", "--json", "--url", &nowhere()]);
        support::finish(command.env("AGENT_RELAY_DATABASE_URL", database))
    };
    let away = look("postgres://relay:s3cret@127.0.0.1:1/relay");
    names(&away, "database", "failed", "postgres://127.0.0.1:1/relay: ", "is PostgreSQL there");
    assert!(!format!("{away:?}").contains("s3cret"), "{away:?}");
    let Some(database) = support::database() else { return };
    names(&look(&database), "database", "ok", "empty; agent-relay serve makes its tables", "");
}
