//! examples/typescript, compiled and run with node against the real relay.
#![cfg(unix)]

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use support::{Home, Relay, Running, http::Connection, load};

const AGENT: &str = "ts-agent";

#[test]
fn it_answers_what_comes_and_what_came_while_it_was_away() {
    let Some(program) = compiled() else { return };
    let (home, relay) = set_up();
    let agent = join(&home, &relay, &program);
    let asked = ask(&home, &relay, "how many words are these");
    assert!(asked.line().contains("You wrote 5 words."));

    agent.signal("TERM");
    assert_eq!(agent.end().0, Some(0));
    assert_eq!(shown(&relay)["status"], "offline");
    let asked = ask(&home, &relay, "and now");
    let again = join(&home, &relay, &program);
    assert!(asked.line().contains("You wrote 2 words."));
    drop(again);
}

#[test]
fn it_resumes_the_stream_where_the_connection_was_cut() {
    let Some(program) = compiled() else { return };
    let (home, relay) = set_up();
    let agent = join(&home, &relay, &program);
    assert!(ask(&home, &relay, "one").line().contains("You wrote 1 words."));

    agent.signal("STOP");
    let port = relay.port().to_string();
    relay.kill();
    let relay = Relay::spawn(&mut home.command(&["serve", "--port", &port]));
    let asked = ask(&home, &relay, "one two");
    agent.signal("CONT");
    assert!(asked.line().contains("You wrote 2 words."));
}

#[test]
fn its_token_is_for_its_user_only_and_keeps_its_name() {
    let Some(program) = compiled() else { return };
    let (home, relay) = set_up();
    let first = join(&home, &relay, &program);
    let file = home.join(&format!("state/agent-relay-typescript/{AGENT}.json"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let second = join(&home, &relay, &program);
    let (code, said) = first.end();
    assert_eq!(code, Some(1), "two processes must not be one agent");
    assert!(said.contains("stale_session"), "{said}");
    assert!(ask(&home, &relay, "who answers").line().contains("You wrote 2 words."));
    drop(second);
}

#[test]
fn it_keeps_saying_that_it_is_alive() {
    let Some(program) = compiled() else { return };
    let (home, relay) = set_up();
    let agent = join(&home, &relay, &program);
    let seen = || shown(&relay)["lastSeenAt"].as_i64().unwrap();
    for _ in 0..3 {
        let before = seen();
        assert!((0..100_000).any(|_| seen() != before), "no heartbeat came");
    }
    drop(agent);
}

/// The compiled example, unless it cannot be had here.
fn compiled() -> Option<PathBuf> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let program = root.join("examples/typescript/dist/agent.js");
    if !load::works("node", &["--version"]) {
        load::skip("the TypeScript example: node is not installed");
        return None;
    }
    if !program.is_file() {
        load::skip("the TypeScript example is not built: `npm ci && npm run build` there");
        return None;
    }
    Some(program)
}

fn set_up() -> (Home, Relay) {
    let home = Home::new();
    let relay = Relay::start(&home);
    (home, relay)
}

/// Starts the example, and waits until it listens.
fn join(home: &Home, relay: &Relay, program: &Path) -> Running {
    let mut command = Command::new("node");
    home.furnish(&mut command);
    command.env("AGENT_RELAY_URL", &relay.url).env("AGENT_RELAY_HEARTBEAT_MS", "200");
    let agent = Running::start(command.arg(program).arg(AGENT).stdin(Stdio::null()));
    agent.line_with("joined");
    agent
}

/// Asks it something as the operator; the answer is the next line.
fn ask(home: &Home, relay: &Relay, question: &str) -> Running {
    let mut command = home.command(&["ask", AGENT, question]);
    let asked = Running::start(command.env("AGENT_RELAY_URL", &relay.url));
    asked.talk_with("waiting");
    asked
}

/// The agent as the relay shows it.
fn shown(relay: &Relay) -> Value {
    let mut connection = Connection::open(relay.port()).unwrap();
    connection.get(&format!("/api/agents/{AGENT}")).unwrap().body
}
